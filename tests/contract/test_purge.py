"""What is dead is removed, on every adapter, and nothing that is alive."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from ringfence.authn.counters import Counter
from ringfence.storage.maintenance import CLOCKS_DIFFER_BY, COUNTERS_KEPT, PIECE
from tests.contract.stores import (
    DAY,
    NOW,
    Rig,
    account,
    digest,
    link,
    session,
    signed_in,
    token,
)

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


async def test_a_session_lives_until_its_last_token_has_expired(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    first = await signed_in(rig.stores)
    used = token("used", at=NOW + 3 * DAY)
    assert await rig.stores.sessions.succeed(first, used, b"sealed")

    assert await rig.stores.purge(NOW + 7 * DAY + HOUR) == 0
    assert await rig.stores.purge(NOW + 7 * DAY + HOUR + MICROSECOND) == 1
    assert await rig.stores.sessions.find(first.digest) is None
    assert await rig.stores.sessions.find(used.digest) == used
    assert await rig.stores.sessions.get("laptop") is not None

    assert await rig.stores.purge(NOW + 10 * DAY + HOUR + MICROSECOND) == 2
    assert await rig.stores.sessions.find(used.digest) is None
    assert await rig.stores.sessions.get("laptop") is None
    assert await rig.stores.accounts.find("id-alice") == account()


async def test_a_revoked_family_is_remembered_as_long_as_its_tokens_live(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    first = await signed_in(rig.stores)
    await rig.stores.sessions.revoke_family("laptop", NOW)
    await rig.stores.purge(NOW + 6 * DAY)
    found = await rig.stores.sessions.find(first.digest)
    assert found is not None
    assert found.family_revoked


async def test_expired_links_go_and_others_stay(rig: Rig) -> None:
    await rig.stores.links.add(link("one"))
    assert await rig.stores.purge(link("one").expires_at - MICROSECOND) == 0
    assert await rig.stores.links.find(digest("one"), "reset", NOW) is not None
    assert await rig.stores.purge(link("one").expires_at) == 1
    assert await rig.stores.links.find(digest("one"), "reset", NOW) is None


async def test_revocations_are_kept_for_an_hour(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW)
    assert await rig.stores.purge(NOW + HOUR) == 0
    assert await rig.stores.purge(NOW + HOUR + MICROSECOND) == 1


async def test_more_than_one_piece_is_removed(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    ends = (rig.stores.accounts.sign_out_everywhere("id-alice", NOW) for _ in range(PIECE + 1))
    await asyncio.gather(*ends)
    assert await rig.stores.purge(NOW + 2 * HOUR) == PIECE + 1
    assert await rig.stores.sessions.begin(session(), token(), PIECE + 1) is not None


# ------------------------------------------------------------- a clock that was ahead, and is back

YEAR = 365 * DAY


async def test_a_session_from_the_future_lives_from_now_on_and_no_longer(rig: Rig) -> None:
    """It would have lived for as long as the clock was ahead, and a stolen token with it."""
    ahead = NOW + YEAR
    await rig.stores.accounts.create(account())
    first = token(at=ahead, signed_in_at=ahead)
    assert await rig.stores.sessions.begin(session(at=ahead), first, 0) is not None
    assert await rig.stores.purge(NOW) == 0

    latest = NOW + CLOCKS_DIFFER_BY
    found = await rig.stores.sessions.find(first.digest)
    assert found == token(at=latest, signed_in_at=latest)
    assert await rig.stores.sessions.get("laptop") == session(at=latest)
    assert await rig.stores.purge(latest + 7 * DAY + HOUR + MICROSECOND) == 2


async def test_a_token_from_the_future_keeps_when_it_was_signed_in(rig: Rig) -> None:
    await rig.stores.accounts.create(account())
    first = await signed_in(rig.stores)
    ahead = token("ahead", at=NOW + YEAR)
    assert await rig.stores.sessions.succeed(first, ahead, b"sealed")
    await rig.stores.purge(NOW)
    latest = NOW + CLOCKS_DIFFER_BY
    assert await rig.stores.sessions.find(ahead.digest) == token("ahead", at=latest)
    assert await rig.stores.sessions.get("laptop") == replace(session(), last_used_at=latest)


async def test_clocks_that_differ_a_little_change_nothing(rig: Rig) -> None:
    at = NOW + CLOCKS_DIFFER_BY
    await rig.stores.accounts.create(account())
    first = token(at=at, signed_in_at=at)
    assert await rig.stores.sessions.begin(session(at=at), first, 0) is not None
    await rig.stores.purge(NOW)
    assert await rig.stores.sessions.find(first.digest) == first
    assert await rig.stores.sessions.get("laptop") == session(at=at)


async def test_a_counter_from_the_future_is_kept_for_a_while_and_not_for_ever(rig: Rig) -> None:
    """Counters from the future were never purged."""

    def write(_: Sequence[Counter | None]) -> tuple[Sequence[Counter | None], None]:
        return [Counter((1,), NOW + YEAR), Counter((2,), NOW + COUNTERS_KEPT)], None

    await rig.stores.counters.update(["ahead", "due"], write)
    assert await rig.stores.purge(NOW) == 0
    assert await rig.stores.purge(NOW + COUNTERS_KEPT - MICROSECOND) == 0  # in debt until then
    assert await rig.stores.purge(NOW + COUNTERS_KEPT) == 2


async def test_a_link_from_the_future_goes(rig: Rig) -> None:
    """It would have worked for as long as the clock was ahead."""
    last = NOW + DAY + CLOCKS_DIFFER_BY
    await rig.stores.links.add(replace(link("due"), expires_at=last))
    await rig.stores.links.add(replace(link("ahead", "sign-up"), expires_at=last + MICROSECOND))
    assert await rig.stores.purge(NOW) == 1
    assert await rig.stores.links.find(digest("due"), "reset", NOW) is not None
    assert await rig.stores.links.find(digest("ahead"), "sign-up", NOW) is None
