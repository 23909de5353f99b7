"""``ImportStore`` keeps its promises on every adapter."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ringfence.authn.imported.passwords import Person
from ringfence.authn.imported.refusal import Reason
from ringfence.authn.imported.sealed import SealedHash
from ringfence.cli.users import tables
from ringfence.cli.users.columns import OWN, Reader
from ringfence.core.errors import StoreError
from ringfence.storage import Stores
from tests.contract.server import Server
from tests.contract.stores import NOW, Rig, account, digest, link, opened, verifier

SEALED = SealedHash(kind="bcrypt r=12", pepper=2, sealed=b"sealed by a test")
LATER = NOW + timedelta(hours=1)


def person(name: str = "alice", sealed: SealedHash | None = SEALED, **changes: object) -> Person:
    return Person(account=account(name, verifier=None, **changes), hash=sealed)


async def test_an_account_and_its_hash_come_together(administration: Rig) -> None:
    stores = administration.stores
    alice = person(roles=frozenset({"user", "admin"}), disabled_at=LATER)
    assert await stores.imports.add([alice, person("bob", None)]) == [None, None]
    assert await stores.accounts.find("id-alice") == alice.account
    assert await stores.imports.find("id-alice") == SEALED
    assert await stores.imports.find("id-bob") is None
    assert await stores.imports.find("") is None


async def test_what_is_taken_is_left_out_and_left_as_it_is(administration: Rig) -> None:
    stores = administration.stores
    await stores.accounts.create(account())
    twice = [
        person(id="id-mallory"),
        person("mallory", id="id-alice"),
        person("bob"),
        person("bob", id="id-other"),
    ]
    answers = await stores.imports.add(twice)
    assert answers == [Reason.LOGIN_TAKEN, Reason.ID_TAKEN, None, Reason.LOGIN_TAKEN]
    assert await stores.accounts.find("id-alice") == account()
    assert await stores.imports.find("id-alice") is None
    assert await stores.accounts.find("id-mallory") is None
    assert await stores.imports.kinds() == {SEALED.kind: 1}


async def test_of_two_moves_at_once_one_happens(administration: Rig) -> None:
    stores = administration.stores
    await stores.imports.add([person()])
    targets = [replace(verifier(), digest=digest(name)) for name in "xy"]
    moves = (stores.imports.move("id-alice", SEALED, target) for target in targets)
    done = await asyncio.gather(*moves)
    assert sorted(done) == [False, True]
    assert await stores.accounts.find("id-alice") == account(verifier=targets[done.index(True)])
    assert await stores.imports.find("id-alice") is None


async def test_only_the_hash_that_was_proven_is_replaced(administration: Rig) -> None:
    stores = administration.stores
    await stores.imports.add([person()])
    other = replace(SEALED, sealed=b"another")
    assert not await stores.imports.move("id-alice", other, verifier())
    assert not await stores.imports.move("id-nobody", SEALED, verifier())
    assert await stores.imports.find("id-alice") == SEALED
    assert await stores.accounts.find("id-alice") == person().account


async def reset(stores: Stores) -> None:
    await stores.links.add(link("reset"))
    assert await stores.links.redeem_reset(digest("reset"), verifier("new"), NOW) is not None


CHANGES: dict[str, Callable[[Stores], Awaitable[object]]] = {
    "a reset": reset,
    "a new password": lambda stores: stores.accounts.set_verifier(
        "id-alice", verifier("new"), 0, LATER
    ),
    "another login": lambda stores: stores.accounts.change_login(
        "id-alice", "new@example.com", LATER
    ),
    "deletion": lambda stores: stores.accounts.delete("id-alice"),
    "the end of imports": lambda stores: stores.imports.drop(),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_the_imported_password_ends_with(administration: Rig, change: str) -> None:
    """Else the old password would open the account behind the back of the new one."""
    stores = administration.stores
    await stores.imports.add([person(), person("bob")])
    await CHANGES[change](stores)
    assert await stores.imports.find("id-alice") is None
    assert not await stores.imports.move("id-alice", SEALED, verifier())
    assert (await stores.imports.find("id-bob") is None) == (change == "the end of imports")


async def test_hashes_are_counted_by_kind(administration: Rig) -> None:
    imports = administration.stores.imports
    assert await imports.drop() == 0
    scrypt = replace(SEALED, kind="scrypt n=16384 r=8 p=1")
    await imports.add([person("a"), person("b"), person("c", scrypt), person("d", None)])
    async with opened(administration.url) as others:  # whose count is not remembered
        imports = imports if administration.kind == "memory" else others.imports
        assert await imports.kinds() == {SEALED.kind: 2, scrypt.kind: 1}
        assert await imports.drop() == 3
        assert await imports.kinds() == {}


@pytest.mark.postgres
async def test_a_table_of_postgresql_is_read(postgres: Server) -> None:
    """As fastapi-users makes it: ids are UUIDs, and the table's name is a keyword."""
    identity = "b1e0a3a6-5a3c-4a52-9d6e-0a1b2c3d4e5f"
    columns = {"id": "id", "login": "email", "created_at": "since"}
    await asyncio.to_thread(
        postgres.execute,
        "CREATE SCHEMA theirs",
        'CREATE TABLE theirs."user" (id uuid, email text, since timestamptz)',
        f"""INSERT INTO theirs."user" VALUES ('{identity}', 'a@b.cd', now())""",
    )
    try:
        read = tables.rows(postgres.owner_url, "theirs.user", OWN, columns)
        (row,) = [row async for row in read]
    finally:
        await asyncio.to_thread(postgres.execute, "DROP SCHEMA theirs CASCADE")
    reader = Reader(columns=columns, strict=False, hashes=True, now=NOW, random=bytes)
    assert reader.read(row).account.id == identity


@pytest.mark.postgres
async def test_the_service_cannot_plant_a_hash(postgres: Server) -> None:
    """Whoever can write as the service must not give an account a password of their own."""
    async with opened(postgres.owner_url) as stores:
        await stores.imports.add([person()])
    async with opened(postgres.app_url) as stores:
        with pytest.raises(StoreError):
            await stores.imports.add([person("mallory")])
        assert await stores.accounts.find("id-mallory") is None
        assert await stores.imports.move("id-alice", SEALED, verifier())
