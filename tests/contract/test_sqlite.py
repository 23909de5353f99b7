"""SQLite under what happens to files and processes.

An answered write is never lost, and a store that fails refuses until the cause is gone, and not a
moment longer.
"""

import asyncio
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ringfence.core.errors import StoreError
from ringfence.storage import Stores
from ringfence.storage.sqlite import writer
from tests.contract.processes import Worker, worker
from tests.contract.stores import (
    account,
    answers,
    copy_of,
    digest,
    feed,
    opened,
    session,
    signed_in,
    token,
    until,
    verifier,
)


@pytest.fixture
def path(sqlite: str) -> Path:
    return Path(sqlite.removeprefix("sqlite:///"))


@contextmanager
def locked(path: Path) -> Generator[sqlite3.Connection]:
    """Another process's transaction, which holds the write lock until the block ends."""
    with closing(sqlite3.connect(path, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        yield rival
        if rival.in_transaction:
            rival.execute("ROLLBACK")


def move(path: Path, target: Path) -> None:
    """Move a database: the file, its log and its index belong together."""
    for side in ("", "-wal", "-shm"):
        Path(f"{path}{side}").rename(f"{target}{side}")


def replace_with(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def there(path: Path) -> bool:
    return path.exists()


def writing(stores: Stores) -> sqlite3.Connection:
    """The very connection that the stores write on."""
    accounts: Any = stores.accounts
    return accounts._database.writer._handle.get()


def reading(stores: Stores) -> sqlite3.Connection:
    """The very connection that the stores read on."""
    accounts: Any = stores.accounts
    return accounts._database.reader.connection()


async def refuses(stores: Stores) -> None:
    """Everything that asks the store is refused, and nothing is let in."""
    for asked in (
        stores.ping(),
        stores.accounts.find("id-alice"),
        stores.accounts.create(account("carol")),
        stores.sessions.find(digest("any")),
        stores.revocations.read(0),
    ):
        with pytest.raises(StoreError):
            await asked
    assert stores.revocations.changed()


def assert_whole(path: Path) -> None:
    """The file is intact, and holds no half of any write."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        halves = connection.execute(
            "SELECT (SELECT count(*) FROM accounts"
            "  WHERE id NOT IN (SELECT account FROM verifiers)),"
            " (SELECT count(*) FROM sessions"
            "  WHERE id NOT IN (SELECT family FROM refresh_tokens)),"
            " (SELECT count(*) FROM refresh_tokens WHERE spent_us IS NOT NULL"
            "  AND digest NOT IN (SELECT parent FROM refresh_tokens WHERE parent IS NOT NULL))"
        ).fetchone()
        assert halves == (0, 0, 0)


async def assert_there(stores: Stores, said: Worker) -> None:
    """Every write that was answered is there."""
    for name in said.names("account"):
        assert await stores.accounts.find(name) is not None
    for name in said.names("token"):
        assert await stores.sessions.find(digest(name)) is not None


# --------------------------------------------------------------------------------- processes


async def test_kill_9_in_the_middle_of_writes_loses_no_answered_write(
    sqlite: str, path: Path
) -> None:
    with worker("write", sqlite, "w") as process:
        process.hear(500)
        process.kill()
    async with opened(sqlite) as stores:
        await assert_there(stores, process)
        assert await stores.accounts.create(account())
    assert_whole(path)


async def test_two_processes_write_to_one_file(sqlite: str, path: Path) -> None:
    with worker("write", sqlite, "one") as one, worker("write", sqlite, "two") as two:
        for process in (one, two):
            process.hear(300)
        one.kill()
        two.hear(300)  # a process that died keeps no lock
        two.kill()
    async with opened(sqlite) as stores:
        await assert_there(stores, one)
        await assert_there(stores, two)
    assert_whole(path)


async def test_a_limit_is_exact_across_two_processes(sqlite: str) -> None:
    """Ledger 22: 400 at once from two processes against a limit of 10."""
    with worker("count", sqlite) as one, worker("count", sqlite) as two:
        assert [one.hear_out(), two.hear_out()] == [0, 0]
    passed = [int(name) for name in one.names("passed") + two.names("passed")]
    assert sum(passed) == 10


async def test_a_rotation_that_waits_for_another_process_sees_its_revocation(
    sqlite: str, path: Path
) -> None:
    """Ledger 11, between processes: revoked while the rotation waits for the lock."""
    async with opened(sqlite) as stores:
        await stores.accounts.create(account())
        first = await signed_in(stores)
        with locked(path) as rival:
            rotation = asyncio.create_task(
                stores.sessions.succeed(first, token("child"), b"sealed")
            )
            rival.execute("UPDATE sessions SET revoked_us = 1")
            await asyncio.sleep(0)
            rival.execute("COMMIT")
        assert await rotation is False
        assert await stores.sessions.find(digest("child")) is None


async def test_waiting_for_another_process_does_not_hold_up_the_loop(
    sqlite: str, path: Path
) -> None:
    async with opened(sqlite) as stores:
        await stores.accounts.create(account())
        with locked(path):
            write = asyncio.create_task(stores.accounts.create(account("bob")))
            for _ in range(200):
                assert await stores.accounts.find("id-alice") is not None
                await asyncio.sleep(0)
            assert not write.done()
        assert await write


async def test_a_lock_that_is_never_released_refuses_everybody_who_waits(
    sqlite: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_PATIENCE_SECONDS", 0.05)
    async with opened(sqlite) as stores:
        with locked(path):
            writes = [stores.accounts.create(account(f"n{number}")) for number in range(200)]
            outcomes = await asyncio.gather(*writes, return_exceptions=True)
            assert all(isinstance(outcome, StoreError) for outcome in outcomes)
        assert await stores.accounts.create(account())
        assert await stores.accounts.find("id-n0") is None


# ---------------------------------------------------------------------------------- the disk


async def test_a_full_disk_refuses_and_comes_back(sqlite: str, path: Path) -> None:
    """The worker cannot write beyond a size, reads on, gets room again and writes on."""
    with worker("fill", sqlite) as process:
        assert process.hear_out() == 0
    assert process.names("full")[0].startswith("SQLITE_")
    assert "unready" in process.said  # readiness is honest: writes fail
    assert "ready" in process.said
    assert len(process.names("account")) > 10
    async with opened(sqlite) as stores:
        await assert_there(stores, process)
        assert await stores.accounts.find(f"before-{len(process.names('account')) - 1}") is None
    assert_whole(path)


async def test_a_database_that_may_not_grow_refuses_and_comes_back(sqlite: str, path: Path) -> None:
    """SQLITE_FULL itself, which rolls the group's transaction back."""
    async with opened(sqlite) as stores:
        connection = writing(stores)
        connection.set_authorizer(None)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        writes = [stores.accounts.create(account(f"n{number}")) for number in range(300)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert any(isinstance(outcome, StoreError) for outcome in outcomes)
        connection.execute("PRAGMA max_page_count = 1000000")
        assert await stores.accounts.create(account())
        for number, outcome in enumerate(outcomes):
            found = await stores.accounts.find(f"id-n{number}")
            assert (found is not None) == (outcome is True)
    assert_whole(path)


# ---------------------------------------------------------------------------------- the file


async def test_a_file_that_is_moved_away_refuses_until_it_is_back(sqlite: str, path: Path) -> None:
    async with opened(sqlite) as stores:
        await stores.accounts.create(account())
        await feed(stores)
        move(path, path.with_suffix(".away"))
        await refuses(stores)
        assert not there(path)  # nothing takes its place
        move(path.with_suffix(".away"), path)
        assert await stores.accounts.find("id-alice") == account()
        assert await stores.accounts.create(account("bob"))


async def test_a_file_that_is_gone_refuses_until_another_is_restored(
    sqlite: str, path: Path, sqlite_template: Path
) -> None:
    async with opened(sqlite) as stores:
        await stores.accounts.create(account())
        await feed(stores)
        move(path, path.with_suffix(".away"))
        await refuses(stores)
        copy_of(sqlite_template, path.parent)
        await until(lambda: answers(stores))
        assert stores.revocations.changed()
        assert await stores.accounts.find("id-alice") is None
        assert await stores.accounts.create(account())


async def test_a_file_that_is_corrupt_refuses_until_it_is_mended(sqlite: str, path: Path) -> None:
    async with opened(sqlite) as stores:
        await stores.accounts.create(account())
        move(path, path.with_suffix(".good"))
        replace_with(path, b"\0garbage" * 4096)
        await refuses(stores)
        move(path.with_suffix(".good"), path)
        assert await stores.accounts.find("id-alice") == account()
        assert await stores.accounts.create(account("bob"))


async def test_an_empty_file_in_its_place_is_refused(sqlite: str, path: Path) -> None:
    """It would be a database without an account, where the next sign-up is the first."""
    async with opened(sqlite) as stores:
        await stores.accounts.create(account())
        move(path, path.with_suffix(".away"))
        replace_with(path, b"")
        await refuses(stores)


async def test_a_store_that_is_closed_refuses(sqlite: str) -> None:
    async with opened(sqlite) as stores:
        pass
    await refuses(stores)


async def test_writes_that_wait_are_finished_before_the_store_closes(sqlite: str) -> None:
    async with opened(sqlite) as stores:
        writes = [
            asyncio.create_task(stores.accounts.create(account(f"n{number}")))
            for number in range(100)
        ]
        await asyncio.sleep(0)
    assert all(await asyncio.gather(*writes))


# ------------------------------------------------------------------- constraints and the guard


SECOND_SUCCESSOR = (
    "INSERT INTO refresh_tokens SELECT randomblob(32), family, parent, 0, 0, NULL, NULL"
    " FROM refresh_tokens WHERE parent IS NOT NULL"
)
SECOND_LINK = (
    "INSERT INTO links VALUES (randomblob(32), 'reset', 'alice@example.com', '', 0, 0),"
    " (randomblob(32), 'reset', 'alice@example.com', '', 0, 0)"
)


@pytest.mark.parametrize(
    "statement",
    [
        SECOND_SUCCESSOR,
        SECOND_LINK,
        "UPDATE refresh_tokens SET spent_us = 1 WHERE spent_us IS NULL",
        "UPDATE refresh_tokens SET family = 'nobody''s'",
        "UPDATE accounts SET login = 'alice@example.com'",
        "UPDATE accounts SET token_version = -1",
        "UPDATE verifiers SET digest = x'00'",
        "INSERT INTO revocations (at_us, token_version, role_version) VALUES (0, 0, 0)",
    ],
)
async def test_the_constraints_are_a_second_line(sqlite: str, statement: str) -> None:
    async with opened(sqlite) as stores:
        await stores.accounts.create(account())
        await stores.accounts.create(account("bob", verifier=verifier("bob's")))
        first = await signed_in(stores)
        assert await stores.sessions.begin(session("phone"), token("p", "phone"), 0) is not None
        assert await stores.sessions.succeed(first, token("t1"), b"sealed")
        with pytest.raises(sqlite3.IntegrityError):
            writing(stores).execute(statement)


async def test_the_stores_own_connections_are_guarded(sqlite: str) -> None:
    async with opened(sqlite) as stores:
        for connection in (reading(stores), writing(stores)):
            with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
                connection.execute("DROP TABLE accounts")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reading(stores).execute("DELETE FROM accounts")


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL: an answered write survives the power
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("busy_timeout", 0),  # it would wait in the loop
    ],
)
async def test_the_writing_connection_brings_its_own_settings(
    sqlite: str, pragma: str, value: str | int
) -> None:
    async with opened(sqlite) as stores:
        connection = writing(stores)
        connection.set_authorizer(None)
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
