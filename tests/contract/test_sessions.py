"""``SessionStore`` keeps its promises on every adapter."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

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


@pytest.fixture(autouse=True)
async def _people(rig: Rig) -> None:
    assert await rig.stores.accounts.create(account())
    assert await rig.stores.accounts.create(account("bob"))


async def test_a_session_is_found_as_it_began(rig: Rig) -> None:
    assert await rig.stores.sessions.begin(session(), token(), 0)
    assert await rig.stores.sessions.get("laptop") == session()


@pytest.mark.parametrize("name", ["", "nobody's", "nul\0", "lone \udc80 surrogate"])
async def test_a_session_that_never_began_is_not_found(rig: Rig, name: str) -> None:
    assert await rig.stores.sessions.get(name) is None
    assert not await rig.stores.sessions.end(name, "id-alice", NOW)


async def test_no_session_begins_for_an_account_that_is_gone(rig: Rig) -> None:
    assert not await rig.stores.sessions.begin(session(owner="nobody"), token(), 0)
    assert await rig.stores.sessions.get("laptop") is None
    assert await rig.stores.sessions.find(token().digest) is None


@pytest.mark.parametrize("version", [-1, 1, 2])
async def test_no_session_begins_with_another_version(rig: Rig, version: int) -> None:
    assert not await rig.stores.sessions.begin(session(), token(), version)
    assert await rig.stores.sessions.get("laptop") is None


async def test_no_session_begins_for_a_disabled_account(rig: Rig) -> None:
    """Ledger 9."""
    after = await rig.stores.accounts.disable("id-alice", NOW)
    assert not await rig.stores.sessions.begin(session(), token(), after.token_version)
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
