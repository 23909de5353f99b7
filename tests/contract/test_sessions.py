"""``SessionStore`` keeps its promises on every adapter."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ringfence.authn.sessions import Place
from tests.contract.stores import (
    NOW,
    SECOND,
    Rig,
    account,
    feed,
    revoked,
    session,
    signed_in,
    token,
    verifier,
)

NOON_OF_MANY = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
async def _people(rig: Rig) -> None:
    assert await rig.stores.accounts.create(account())
    assert await rig.stores.accounts.create(account("bob"))


async def test_a_session_is_found_as_it_began(rig: Rig) -> None:
    assert await rig.stores.sessions.begin(session(), token(), 0) is not None
    assert await rig.stores.sessions.get("laptop") == session()


@pytest.mark.parametrize("name", ["", "nobody's", "nul\0", "lone \udc80 surrogate"])
async def test_a_session_that_never_began_is_not_found(rig: Rig, name: str) -> None:
    assert await rig.stores.sessions.get(name) is None
    assert not await rig.stores.sessions.end(name, "id-alice", NOW)


async def test_no_session_begins_for_an_account_that_is_gone(rig: Rig) -> None:
    assert await rig.stores.sessions.begin(session(owner="nobody"), token(), 0) is None
    assert await rig.stores.sessions.get("laptop") is None
    assert await rig.stores.sessions.find(token().digest) is None


@pytest.mark.parametrize("version", [-1, 1, 2])
async def test_no_session_begins_with_another_version(rig: Rig, version: int) -> None:
    assert await rig.stores.sessions.begin(session(), token(), version) is None
    assert await rig.stores.sessions.get("laptop") is None


async def test_no_session_begins_for_a_disabled_account(rig: Rig) -> None:
    """Ledger 9."""
    after = await rig.stores.accounts.disable("id-alice", NOW)
    assert await rig.stores.sessions.begin(session(), token(), after.token_version) is None
    assert await rig.stores.sessions.find(token().digest) is None


async def test_a_sign_in_never_outlives_a_password_change_beside_it(rig: Rig) -> None:
    """Ledger 9: 20 sign-ins around one change; none that saw the old password is alive."""
    sessions = rig.stores.sessions
    sign_ins = [
        sessions.begin(session(f"s{number}"), token(f"s{number}", f"s{number}"), 0)
        for number in range(20)
    ]
    change = rig.stores.accounts.set_verifier("id-alice", verifier("new"), 0, NOW)
    await asyncio.gather(*sign_ins[:10], change, *sign_ins[10:])
    assert await sessions.of_account("id-alice") == []
    tokens = [await sessions.find(token(f"s{number}").digest) for number in range(20)]
    assert all(found.family_revoked for found in tokens if found is not None)


async def test_an_account_lists_its_live_sessions_the_last_used_first(rig: Rig) -> None:
    laptop = await signed_in(rig.stores, "laptop")
    await signed_in(rig.stores, "phone")
    await signed_in(rig.stores, "old")
    await rig.stores.sessions.begin(session("bobs", "id-bob"), token("b", "bobs"), 0)
    used = token("used", at=NOW + 5 * SECOND)
    assert await rig.stores.sessions.succeed(laptop, used, b"sealed")
    assert await rig.stores.sessions.end("old", "id-alice", NOW)
    assert await rig.stores.sessions.of_account("id-alice") == [
        replace(session("laptop"), last_used_at=NOW + 5 * SECOND),
        session("phone"),
    ]


async def test_a_clock_that_steps_back_does_not_lower_the_last_use(rig: Rig) -> None:
    laptop = await signed_in(rig.stores)
    earlier = token("t1", at=NOW - SECOND)
    assert await rig.stores.sessions.succeed(laptop, earlier, b"sealed")
    found = await rig.stores.sessions.get("laptop")
    assert found is not None
    assert found.last_used_at == NOW


async def test_a_session_ends_once_and_tells_the_feed(rig: Rig) -> None:
    first = await signed_in(rig.stores)
    later = NOW + timedelta(minutes=3)
    ended = await asyncio.gather(
        *(rig.stores.sessions.end("laptop", "id-alice", later) for _ in range(10))
    )
    assert sum(ended) == 1
    assert await feed(rig.stores) == [revoked(session="laptop")]
    assert await rig.stores.sessions.get("laptop") is None
    assert not await rig.stores.sessions.succeed(first, token("t1"), b"sealed")


async def test_nobody_ends_the_session_of_another(rig: Rig) -> None:
    """BOLA: the session's id alone is not enough."""
    await signed_in(rig.stores)
    assert not await rig.stores.sessions.end("laptop", "id-bob", NOW)
    assert await rig.stores.sessions.get("laptop") == session()
    assert await feed(rig.stores) == []


# ------------------------------------------------------------------------ the cap, and the pages


async def begun(rig: Rig, number: int, most: int = 3, owner: str = "id-alice") -> list[str]:
    """Begin the session ``s`` and a number, a second after the one before; returns what ended."""
    name = f"s{number}"
    at = NOON_OF_MANY + number * SECOND
    first = token(name, name, at=at, signed_in_at=at)
    ended = await rig.stores.sessions.begin(session(name, owner, at=at), first, 0, most=most)
    assert ended is not None
    return list(ended)


async def alive(rig: Rig, account_id: str = "id-alice") -> list[str]:
    return [found.id for found in await rig.stores.sessions.of_account(account_id)]


async def test_beyond_the_most_the_oldest_session_ends_and_the_feed_is_told(rig: Rig) -> None:
    """2,155 sessions made each list cost 27 ms; 63,000, which the budgets allow, 0.8 s."""
    ended = [await begun(rig, number) for number in range(5)]
    assert ended == [[], [], [], ["s0"], ["s1"]]
    assert await alive(rig) == ["s4", "s3", "s2"]
    assert await feed(rig.stores) == [revoked("s0"), revoked("s1")]
    assert not await rig.stores.sessions.succeed(token("s0", "s0"), token("x"), b"sealed")


async def test_the_session_that_was_used_longest_ago_is_the_oldest(rig: Rig) -> None:
    for number in range(3):
        await begun(rig, number)
    used = token("used", "s0", at=NOON_OF_MANY + 60 * SECOND)
    assert await rig.stores.sessions.succeed(token("s0", "s0"), used, b"sealed")
    assert await begun(rig, 3) == ["s1"]


async def test_the_cap_counts_one_account_and_nothing_that_has_ended(rig: Rig) -> None:
    await begun(rig, 0, owner="id-bob")
    for number in range(1, 4):
        await begun(rig, number)
    assert await rig.stores.sessions.end("s2", "id-alice", NOW)
    assert await begun(rig, 4) == []
    assert await alive(rig, "id-bob") == ["s0"]


async def test_a_sign_in_after_the_clock_was_set_back_is_not_the_one_that_ends(rig: Rig) -> None:
    for number in (10, 11, 12):
        await begun(rig, number)
    assert await begun(rig, 0) == ["s10"]
    assert "s0" in await alive(rig)


async def test_an_account_of_before_the_cap_comes_down_to_it(rig: Rig) -> None:
    for number in range(150):
        await begun(rig, number, most=1000)
    assert len(await begun(rig, 150, most=20)) == 100
    assert len(await begun(rig, 151, most=20)) == 32
    assert len(await alive(rig)) == 20


async def test_parallel_sign_ins_do_not_exceed_the_cap(rig: Rig) -> None:
    await asyncio.gather(*(begun(rig, number) for number in range(20)))
    assert len(await alive(rig)) == 3
    assert len(await feed(rig.stores)) == 17


async def test_a_sign_in_ends_the_session_that_it_replaces(rig: Rig) -> None:
    """ASVS 5.0 7.2.4; whosever it was."""
    await begun(rig, 0, owner="id-bob")
    await begun(rig, 1)
    ended = await rig.stores.sessions.begin(session(), token(), 0, replaces="s0")
    assert ended == ["s0"]
    assert await alive(rig, "id-bob") == []
    assert set(await alive(rig)) == {"s1", "laptop"}
    assert await feed(rig.stores) == [revoked("s0")]


@pytest.mark.parametrize("replaced", ["nobody's", "ended"])
async def test_what_has_ended_is_not_replaced_again(rig: Rig, replaced: str) -> None:
    await signed_in(rig.stores, "ended")
    await rig.stores.sessions.revoke_family("ended", NOW)
    before = await feed(rig.stores)
    assert await rig.stores.sessions.begin(session(), token(), 0, replaces=replaced) == []
    assert await feed(rig.stores) == before


async def test_a_sign_in_that_is_refused_ends_nothing(rig: Rig) -> None:
    await begun(rig, 0)
    assert await rig.stores.sessions.begin(session(), token(), 7, replaces="s0", most=1) is None
    assert await alive(rig) == ["s0"]


async def test_pages_hold_every_session_once_and_in_order(rig: Rig) -> None:
    for number in (3, 1, 2, 0, 4):
        await begun(rig, number, most=100)
    for name in ("a", "b", "c"):  # used at the same moment
        first = token(name, name)
        assert await rig.stores.sessions.begin(session(name), first, 0) is not None
    whole = await alive(rig)
    assert len(whole) == 8
    paged: list[str] = []
    place = None
    while page := await rig.stores.sessions.of_account("id-alice", after=place, limit=3):
        assert len(page) <= 3
        paged += [found.id for found in page]
        place = Place(page[-1].last_used_at, page[-1].id)
    assert paged == whole


# ------------------------------------------------------------------------------- where it stands


async def test_a_live_session_stands_with_the_versions_of_its_account(rig: Rig) -> None:
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW)
    await rig.stores.accounts.set_roles("id-alice", frozenset({"admin"}))
    await signed_in(rig.stores, token_version=1)
    assert await rig.stores.sessions.standing("laptop", "id-alice") == (1, 1)


@pytest.mark.parametrize(
    ("session_id", "account_id"),
    [("laptop", "id-bob"), ("nobody's", "id-alice"), ("laptop", ""), ("nul\0", "\udc80")],
)
async def test_another_pair_does_not_stand(rig: Rig, session_id: str, account_id: str) -> None:
    await signed_in(rig.stores)
    assert await rig.stores.sessions.standing(session_id, account_id) is None


@pytest.mark.parametrize("how", ["end", "disable"])
async def test_what_has_ended_does_not_stand(rig: Rig, how: str) -> None:
    await signed_in(rig.stores)
    if how == "end":
        await rig.stores.sessions.end("laptop", "id-alice", NOW)
    else:
        await rig.stores.accounts.disable("id-alice", NOW)
    assert await rig.stores.sessions.standing("laptop", "id-alice") is None
