"""What is dead is removed, on every adapter, and nothing that is alive."""

import asyncio
from datetime import timedelta

from ringfence.storage.maintenance import PIECE
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
    assert await rig.stores.sessions.begin(session(), token(), PIECE + 1)
