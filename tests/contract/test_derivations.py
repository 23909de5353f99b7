"""How clients derive keys, on every adapter: what is put is read, and what was proven moves."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ringfence.authn.accounts import StoredVerifier
from ringfence.authn.derivation import KNOWN_FOR, SETTLED_AFTER, Derivation
from ringfence.authn.verifier import ARGON2ID, Argon2Parameters
from ringfence.core.errors import StoreError
from tests.contract.server import Server
from tests.contract.stores import NOW, Rig, account, digest, opened, verifier

DEARER = Argon2Parameters(memory_kib=131_072, passes=4, lanes=1)
RAISED = Derivation(next=DEARER, raised_at=NOW, password_retry=True)


async def test_what_is_put_is_read_by_others_too(administration: Rig) -> None:
    stores = administration.stores
    assert await stores.derivations.get() == Derivation()
    await stores.derivations.put(RAISED)
    assert await stores.derivations.get() == RAISED
    finished = Derivation(current=DEARER)
    await stores.derivations.put(finished)
    assert await stores.derivations.get() == finished
    if administration.kind != "memory":
        async with opened(administration.url) as others:
            assert await others.derivations.get() == finished


async def test_a_process_learns_of_a_raise_before_it_counts_as_settled(
    sqlite: str,
) -> None:
    now = NOW

    def clock() -> datetime:
        return now

    async with opened(sqlite, clock) as running, opened(sqlite, clock) as operator:
        assert await running.derivations.get() == Derivation()
        await operator.derivations.put(RAISED)
        assert await running.derivations.get() == Derivation()
        now = NOW + KNOWN_FOR
        assert await running.derivations.get() == RAISED
        assert KNOWN_FOR < SETTLED_AFTER
        now = NOW + SETTLED_AFTER - timedelta(microseconds=1)
        assert not (await running.derivations.get()).settled
        now = NOW + SETTLED_AFTER
        assert (await running.derivations.get()).settled
        now = NOW - timedelta(days=1)  # a clock that is set back: read again
        assert not (await running.derivations.get()).settled


async def test_passwords_are_counted_by_their_parameters(rig: Rig) -> None:
    moved = replace(verifier(), kdf=str(DEARER))
    for name, stored in (("a", verifier()), ("b", verifier()), ("c", moved), ("d", None)):
        assert await rig.stores.accounts.create(account(name, verifier=stored))
    assert await rig.stores.derivations.passwords() == {str(ARGON2ID): 2, str(DEARER): 1}


async def test_of_two_moves_at_once_one_happens_and_no_session_ends(rig: Rig) -> None:
    accounts = rig.stores.accounts
    assert await accounts.create(account(verifier=verifier()))
    targets = [StoredVerifier(digest=digest(n), pepper=2, kdf=str(DEARER)) for n in "xy"]
    done = await asyncio.gather(
        *(accounts.move_verifier("id-alice", verifier(), target) for target in targets)
    )
    assert sorted(done) == [False, True]
    found = await accounts.find("id-alice")
    assert found == account(verifier=targets[done.index(True)])


async def test_a_password_that_was_set_meanwhile_stays(rig: Rig) -> None:
    accounts = rig.stores.accounts
    assert await accounts.create(account(verifier=verifier()))
    moved = replace(verifier(), kdf=str(DEARER))
    assert not await accounts.move_verifier("id-alice", verifier("older"), moved)
    assert not await accounts.move_verifier("id-nobody", verifier(), moved)
    found = await accounts.find("id-alice")
    assert found is not None
    assert found.verifier == verifier()


@pytest.mark.postgres
async def test_the_service_cannot_change_what_clients_derive_with(postgres: Server) -> None:
    """Whoever can write as the service must not have clients send passwords."""
    async with opened(postgres.app_url) as stores:
        with pytest.raises(StoreError):
            await stores.derivations.put(RAISED)
        assert await stores.derivations.get() == Derivation()


async def test_passwords_are_counted_by_pepper(rig: Rig) -> None:
    for name, pepper in (("alice", 1), ("bob", 2), ("carol", 2)):
        stored = replace(verifier(name), pepper=pepper)
        assert await rig.stores.accounts.create(account(name, verifier=stored))
    assert await rig.stores.derivations.peppers() == {1: 1, 2: 2}
