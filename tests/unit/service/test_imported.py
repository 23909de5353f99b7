"""The first sign-in of whoever was imported, as clients see it: ours from then on."""

import asyncio
from dataclasses import replace

import bcrypt
import pytest

from ringfence.authn import verifier
from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.derivation import Derivation
from ringfence.authn.imported.passwords import ImportedPasswords, ImportStore, Person
from ringfence.authn.imported.sealed import SealedHash, seal
from ringfence.service.wire import base64url
from tests.unit.authn.credentials import CHEAPEST, Inline
from tests.unit.authn.flows import NOON, counting
from tests.unit.service.harness import House, Visitor

CAROL, NOBODY = "carol@example.com", "nobody@example.com"
OTHER = StoredVerifier(digest=b"n" * 32, pepper=1, kdf=str(CHEAPEST))
SHORT = "pässword"  # no new password could be like it


@pytest.fixture
async def imports(house: House) -> House:
    """Carol was imported, and a time of imports lasts."""
    derivation = Derivation(current=CHEAPEST, password_retry=True)
    await house.stores.derivations.put(derivation)
    person = Account(id="carol", login=CAROL, login_verified_at=NOON, created_at=NOON)
    sealed = hashed(house, SHORT)
    await house.stores.imports.add([Person(account=person, hash=sealed)])
    return house


def hashed(house: House, password: str) -> SealedHash:
    text = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return seal(text, "carol", house.keys.peppers, counting())


async def knock(house: House, password: str, login: str = CAROL, address: str = "192.0.2.7") -> int:
    body = {"login": login, "password": password}
    return (await Visitor(house, address).post("/auth/sign-in", body)).status_code


async def stored(house: House) -> StoredVerifier | None:
    account = await house.stores.accounts.find("carol")
    assert account is not None
    return account.verifier


async def test_the_first_right_password_moves_its_owner(imports: House) -> None:
    """MUSTS P15: from then on the client's key is what proves it."""
    assert await knock(imports, "wrong") == 401
    assert await stored(imports) is None
    assert await knock(imports, SHORT) == 200
    assert await imports.stores.imports.find("carol") is None
    moved = await stored(imports)
    assert moved is not None
    assert moved.kdf == str(CHEAPEST)

    salt = verifier.salt(imports.keys.salt, imports.settings.tenant, CAROL)
    key = base64url(verifier.client_key(SHORT.encode(), salt, CHEAPEST))
    other = Visitor(imports)
    answer = await other.post("/auth/sign-in", {"login": CAROL, "client_key": key})
    assert answer.status_code == 200
    assert await knock(imports, SHORT) == 200
    assert await knock(imports, "wrong") == 401


async def test_the_pair_without_a_time_of_imports_nobody_is_let_in(imports: House) -> None:
    await imports.stores.derivations.put(Derivation(current=CHEAPEST))
    assert await knock(imports, SHORT) == 401
    assert await stored(imports) is None


async def test_whoever_is_disabled_is_not_let_in_and_not_moved(imports: House) -> None:
    await imports.stores.accounts.disable("carol", NOON)
    assert await knock(imports, SHORT) == 401
    assert await stored(imports) is None


async def test_no_guess_is_compared_beyond_the_account_s_budget(imports: House) -> None:
    """ATTACKS U02: the imported hash is behind the same limits, from however many addresses."""
    for number in range(10):
        assert await knock(imports, "wrong", address=f"198.51.100.{number}") == 401
    assert await knock(imports, SHORT, address="203.0.113.1") == 429
    assert await stored(imports) is None


async def test_nothing_tells_who_was_imported(imports: House) -> None:
    """ATTACKS U03: the same answer after the same work; also for whoever has moved."""
    hashing = imports.authn.flows.passwords.hashing
    assert isinstance(hashing, Inline)
    work: list[list[bool]] = []
    for login in (CAROL, NOBODY, "alice@example.com"):
        hashing.jobs.clear()
        assert await knock(imports, "wrong", login) == 401
        work.append(list(hashing.jobs))
    assert work == [[False, False]] * 3
    hashing.jobs.clear()
    nobody_s = "x" * 1025
    assert await knock(imports, nobody_s, NOBODY) == await knock(imports, nobody_s) == 401
    assert hashing.jobs == []


class Another:
    """An ``ImportStore`` that answers this hash, whatever the other one has meanwhile."""

    def __init__(self, store: ImportStore, found: SealedHash) -> None:
        self.found = found
        self.kinds = store.kinds
        self.move = store.move
        self.add = store.add
        self.drop = store.drop

    async def find(self, account_id: str) -> SealedHash:
        return self.found


def slow(house: House, found: SealedHash) -> ImportedPasswords:
    """What lets people in, with a store that has not heard of what was done meanwhile."""
    imported = house.authn.flows.signin.imported
    assert isinstance(imported, ImportedPasswords)
    return replace(imported, store=Another(imported.store, found))


async def test_a_password_that_was_set_meanwhile_stays(imports: House) -> None:
    """The hash is proven, and a reset is faster than the move: the old password is refused."""
    account = await imports.stores.accounts.find("carol")
    found = await imports.stores.imports.find("carol")
    assert account is not None
    assert found is not None
    assert await imports.stores.accounts.set_verifier("carol", OTHER, 0, NOON) is not None
    assert not await slow(imports, found).admits(CAROL, SHORT, account)
    assert await stored(imports) == OTHER


async def test_two_first_sign_ins_at_once_both_succeed_and_one_moves(imports: House) -> None:
    both = await asyncio.gather(knock(imports, SHORT), knock(imports, SHORT))
    assert both == [200, 200]
    assert await imports.stores.imports.find("carol") is None


async def test_a_hash_beside_a_verifier_of_ours_opens_nothing(imports: House) -> None:
    """And the pair: the same hash of the same account opens it while there is no verifier."""
    found = await imports.stores.imports.find("carol")
    carol = await imports.stores.accounts.find("carol")
    assert found is not None
    assert carol is not None
    assert not await slow(imports, found).admits(CAROL, SHORT, replace(carol, verifier=OTHER))
    assert await slow(imports, found).admits(CAROL, SHORT, carol)
