"""The migrations build what ``schema`` says, on both databases, and only whoever may."""

import asyncio
import fcntl
import os
import re
import sqlite3
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ringfence.authn.keys import fingerprints
from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.storage.keys import load_or_create, open_keys
from ringfence.storage.migrate import migrate
from ringfence.storage.migrations import HEAD
from ringfence.storage.postgres.database import connect
from ringfence.storage.schema import metadata
from ringfence.storage.statements import (
    SESSIONS_OF_ACCOUNT,
    SESSIONS_OF_ACCOUNT_AFTER,
    SESSIONS_TOO_MANY,
)
from tests.contract.processes import worker
from tests.contract.server import Server
from tests.contract.stores import NOW, account, opened, signed_in, token, until

# Everything that can differ and that the catalogue spells out, names of the schema apart.
CATALOGUE = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
    UNION ALL
    SELECT tablename, indexname, replace(indexdef, current_schema() || '.', '')
    FROM pg_indexes WHERE schemaname = current_schema()
    UNION ALL
    SELECT table_name, column_name, concat_ws(' ', data_type, collation_name, is_nullable,
        is_identity, identity_generation, column_default)
    FROM information_schema.columns WHERE table_schema = current_schema()
"""


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", "ringfence.storage:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_migrated_schema_equals_the_metadata_on_sqlite(sqlite: str, tmp_path: Path) -> None:
    built = create_engine(f"sqlite:///{tmp_path / 'built.sqlite'}")
    migrated = create_engine(sqlite)
    with built.begin() as wanted, migrated.connect() as found:
        metadata.create_all(wanted)
        assert compare_metadata(MigrationContext.configure(found), metadata) == []
        assert _sqlite_tables(found) == _sqlite_tables(wanted)
    built.dispose()
    migrated.dispose()


def _sqlite_tables(connection: Connection) -> set[tuple[str, str]]:
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    return {(name, sql) for name, sql in rows if name != "alembic_version"}


@pytest.mark.postgres
def test_the_migrated_schema_equals_the_metadata_on_postgresql(postgres: Server) -> None:
    async def compare() -> None:
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: connect(postgres.owner_url),
            poolclass=NullPool,
        )
        async with engine.connect() as connection:
            assert await connection.run_sync(_differences) == []
            found = await connection.run_sync(_postgres_tables)
            await connection.execute(text("CREATE SCHEMA built"))
            await connection.execute(text("SET LOCAL search_path TO built"))
            await connection.run_sync(metadata.create_all, checkfirst=False)
            assert found == await connection.run_sync(_postgres_tables)
            await connection.rollback()
        await engine.dispose()

    asyncio.run(compare())


def _differences(connection: Connection) -> object:
    return compare_metadata(MigrationContext.configure(connection), metadata)


def _postgres_tables(connection: Connection) -> set[tuple[str, ...]]:
    rows = connection.execute(text(CATALOGUE))
    return {tuple(row) for row in rows if "alembic_version" not in row[0]}


# ---------------------------------------------------------------------------- start on SQLite


def test_processes_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a new, 100% odd? name.sqlite'.replace('?', '')}"
    with worker("start", url) as one, worker("start", url) as two, worker("start", url) as three:
        assert [process.hear_out() for process in (one, two, three)] == [0, 0, 0]


async def test_a_process_that_starts_waits_for_the_one_that_makes_the_database(
    tmp_path: Path,
) -> None:
    path = tmp_path / "made.sqlite"
    with open_lock(f"{path}.lock") as lock, worker("start", f"sqlite:///{path}") as process:
        await until(lambda: is_waited_for(lock))
        assert process.process.poll() is None
        assert [file.name for file in files_in(tmp_path)] == ["made.sqlite.lock"]
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert process.hear_out() == 0


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@contextmanager
def open_lock(name: str) -> Generator[int]:
    """Hold the lock under which a database is made."""
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def is_waited_for(descriptor: int) -> bool:
    """Whether Linux lists somebody who waits ("->") for the lock on this file."""
    inode = f":{os.fstat(descriptor).st_ino} "
    locks = Path("/proc/locks").read_text().splitlines()
    return any("->" in line and inode in line for line in locks)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "private.sqlite"
    with worker("write", f"sqlite:///{path}", "w") as process:
        process.hear(40)
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(
        ("private.sqlite", "private.sqlite-wal", "private.sqlite-shm", "private.sqlite.lock"),
        "0o600",
    )


def test_a_file_that_others_may_read_is_closed_to_them(sqlite: str) -> None:
    path = Path(sqlite.removeprefix("sqlite:///"))
    path.chmod(0o644)
    migrate(sqlite)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="folder"):
        migrate(f"sqlite:///{tmp_path / 'nowhere' / 'x.sqlite'}")


def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "letters.sqlite"
    path.write_text("not a database, and nobody overwrites it" * 100)
    with pytest.raises(StoreError) as refused:
        migrate(f"sqlite:///{path}")
    assert refused.value.facts["reason"] == "SQLITE_NOTADB"
    assert path.read_text().startswith("not a database")


def test_a_database_of_a_newer_version_stops_the_start(sqlite: str) -> None:
    with closing(sqlite3.connect(sqlite.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="newer version"):
        migrate(sqlite)


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "half.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE links (in_the_way)")
    with pytest.raises(Exception, match="links already exists"):
        migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("links",)]


# ------------------------------------------------------------------------ start on PostgreSQL


@pytest.mark.postgres
def test_migrations_that_run_at_once_run_once(postgres: Server) -> None:
    postgres.execute("DROP SCHEMA ringfence CASCADE")
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(migrate, [postgres.owner_url] * 3))
    assert postgres.execute("SELECT version_num FROM ringfence.alembic_version")[0][0] == HEAD


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        (
            "UPDATE alembic_version SET version_num = 'x' || version_num",
            "UPDATE alembic_version SET version_num = substr(version_num, 2)",
        ),
        (
            "ALTER TABLE alembic_version RENAME TO hidden",
            "ALTER TABLE hidden RENAME TO alembic_version",
        ),
        (
            "REVOKE USAGE ON SCHEMA ringfence FROM ringfence_app",
            "GRANT USAGE ON SCHEMA ringfence TO ringfence_app",
        ),
    ],
)
async def test_tables_that_do_not_fit_stop_the_start(
    postgres: Server, damage: str, repair: str
) -> None:
    owner = await connect(postgres.owner_url)
    try:
        await owner.execute(damage)
        with pytest.raises(ConfigurationError, match="ringfence migrate"):
            async with opened(postgres.app_url):
                pass
    finally:
        await owner.execute(repair)
        await owner.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE ringfence.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "DROP TABLE accounts",
        "ALTER TABLE accounts ADD COLUMN admin boolean",
        "TRUNCATE accounts CASCADE",
        "DELETE FROM accounts",
        "UPDATE accounts SET login = 'mallory@example.com'",
        "UPDATE accounts SET id = 'mallory'",
        "UPDATE sessions SET account = 'mallory'",
        "UPDATE assurances SET aal = 2",
        "UPDATE passkeys SET account = 'mallory'",
        "UPDATE passkeys SET public_key = ''",
        "UPDATE refresh_tokens SET family = 'mallory'",
        "UPDATE revocations SET at_us = 0",
        "UPDATE alembic_version SET version_num = '9999'",
        "DELETE FROM verifiers",
        "UPDATE key_fingerprints SET fingerprint = ''",
        "DELETE FROM key_fingerprints",
        "INSERT INTO derivation (one, current, password_retry) VALUES (1, 'x', 1)",
        "UPDATE derivation SET password_retry = 1",
        "DELETE FROM derivation",
    ],
)
async def test_the_application_role_may_not(postgres: Server, statement: str) -> None:
    connection = await connect(postgres.app_url)
    try:
        with pytest.raises(Exception, match=r"permission denied|must be owner"):
            await connection.execute(statement)
    finally:
        await connection.close()


# ---------------------------------------------------------------------------------- an upgrade

#: Undoes 0006 to 0002.
TO_THE_FIRST_REVISION = (
    *(
        f"DROP TABLE {table}"
        for table in (
            "assurances",
            "totp",
            "recovery_codes",
            "passkeys",
            "challenges",
            "factor_terms",
            "imported_hashes",
        )
    ),
    "DROP TABLE outbox",
    "DROP TABLE derivation",
    "DROP TABLE key_fingerprints",
    "DROP INDEX ix_sessions_alive",
    "UPDATE alembic_version SET version_num = '0001'",
)


def to_the_first_revision(url: str) -> None:
    """Undo all later ones, so that what is left is a database as the first version has made it."""
    for statement in TO_THE_FIRST_REVISION:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute(statement)


async def test_a_database_of_the_version_before_is_upgraded_by_the_start(
    sqlite: str, tmp_path: Path
) -> None:
    """Its accounts and sessions go on, and it learns the keys that are there."""
    async with opened(sqlite) as stores:
        await stores.accounts.create(account())
        first = await signed_in(stores)
    to_the_first_revision(sqlite)
    keys = load_or_create(tmp_path / "keys")
    async with opened(sqlite) as stores:
        assert fingerprints(await open_keys(tmp_path / "keys", stores)) == fingerprints(keys)
        assert await stores.sessions.find(first.digest) == first
        assert [found.id for found in await stores.sessions.of_account("id-alice")] == ["laptop"]
        assert await stores.sessions.succeed(first, token("t1"), b"sealed")


@pytest.mark.postgres
async def test_a_database_of_the_version_before_is_upgraded_by_command(postgres: Server) -> None:
    async with opened(postgres.app_url) as stores:
        await stores.accounts.create(account())
        first = await signed_in(stores)
    owner = await connect(postgres.owner_url)
    try:
        for statement in TO_THE_FIRST_REVISION:
            await owner.execute(statement)
        await owner.execute(
            "REVOKE UPDATE (signed_in_us, issued_us) ON refresh_tokens FROM ringfence_app"
        )
    finally:
        await owner.close()
    with pytest.raises(ConfigurationError, match="ringfence migrate"):
        async with opened(postgres.app_url):
            pass
    await asyncio.to_thread(migrate, postgres.owner_url)
    async with opened(postgres.app_url) as stores:
        await stores.fingerprints.add({"salt.key": bytes(32)})
        assert await stores.sessions.succeed(first, token("t1"), b"sealed")
        await stores.purge(NOW)  # what it may do now that it might not do before


async def test_the_index_of_living_sessions_is_used(sqlite: str) -> None:
    """However many have ended: an account's list must not read them all."""
    for statement in (SESSIONS_OF_ACCOUNT, SESSIONS_OF_ACCOUNT_AFTER, SESSIONS_TOO_MANY):
        with closing(sqlite3.connect(sqlite.removeprefix("sqlite:///"))) as connection:
            explained = f"EXPLAIN QUERY PLAN {statement.sqlite}"
            count = max(int(number) for number in re.findall(r"\?(\d)", statement.sqlite))
            plan = str(connection.execute(explained, ("a", 1, 1, 1)[:count]).fetchall())
        assert "ix_sessions_alive" in plan
        assert "TEMP B-TREE" not in plan
