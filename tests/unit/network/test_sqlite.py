"""SQLite's authorizer: rows may be read and written, the database itself may not be touched."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from ringfence.network.sqlite import freeze, guard, migrating, thaw
from tests.careless import seams

ATTACKS = [
    "CREATE TABLE mine (x)",
    "CREATE TEMP TABLE mine (x)",
    "CREATE TABLE mine AS SELECT * FROM orders",
    "CREATE INDEX mine ON orders (item)",
    "CREATE VIEW mine AS SELECT * FROM orders",
    "CREATE TEMP VIEW mine AS SELECT * FROM orders",
    "CREATE TRIGGER mine AFTER INSERT ON orders BEGIN DELETE FROM orders; END",
    "CREATE TEMP TRIGGER mine AFTER INSERT ON orders BEGIN DELETE FROM orders; END",
    "CREATE VIRTUAL TABLE mine USING fts5(x)",
    "ALTER TABLE orders ADD COLUMN admin",
    "ALTER TABLE orders RENAME TO mine",
    "DROP TABLE orders",
    "DROP INDEX by_item",
    "DROP VIEW cheap",
    "DROP TRIGGER kept",
    "REINDEX orders",
    "ANALYZE",
    "ATTACH ':memory:' AS other",
    "ATTACH DATABASE '{folder}/stolen.sqlite' AS other",
    "VACUUM",
    "VACUUM INTO '{folder}/stolen.sqlite'",
    "PRAGMA writable_schema = ON",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA Foreign_Keys = 0",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA synchronous = OFF",
    "PRAGMA user_version = 7",
    "PRAGMA trusted_schema = ON",
    "PRAGMA ignore_check_constraints = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA database_list",
    "PRAGMA table_list",
    "PRAGMA main.secure_delete = OFF",
    "SELECT name FROM pragma_table_list",
    "SELECT file FROM pragma_database_list",
    "SELECT sql FROM sqlite_master",
    "SELECT count(*) FROM sqlite_master",
    "SELECT name FROM sqlite_schema",
    "SELECT item FROM orders UNION SELECT sql FROM sqlite_master",
    "SELECT item FROM orders WHERE item = (SELECT sql FROM sqlite_temp_master)",
    "SELECT name FROM dbstat",
]

HONEST = [
    "SELECT * FROM orders WHERE item = 'tea'",
    "SELECT count(*), max(item), json_extract('{}', '$') FROM orders",
    "SELECT value FROM json_each('[1, 2]')",
    "SELECT * FROM cheap",
    "INSERT INTO orders (item) VALUES ('cup')",
    "INSERT INTO orders (item) SELECT item FROM orders",
    "UPDATE orders SET item = 'mug' WHERE item = 'cup'",
    "DELETE FROM orders WHERE item = 'mug'",
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT x + 1 FROM n WHERE x < 3) SELECT x FROM n",
    "SELECT item, rank() OVER (ORDER BY item) FROM orders",
    "EXPLAIN QUERY PLAN SELECT * FROM orders",
    "PRAGMA foreign_keys",
    "PRAGMA foreign_keys = ON",
    "PRAGMA main.table_xinfo('orders')",
    "PRAGMA index_list(orders)",
    "PRAGMA data_version",
]


class Sink:
    def emit(self, event: Event) -> None: ...


@contextmanager
def request(*off: Layer) -> Generator[None]:
    """Inside of a request, with these layers off."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    made = Exchange(scope, request_id="r", now=now, seams=seams(*off), sink=Sink())
    token = current.set(made)
    try:
        yield
    finally:
        current.reset(token)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database as an application made it."""
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA journal_mode = WAL;"
            "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT);"
            "CREATE INDEX by_item ON orders (item);"
            "CREATE VIEW cheap AS SELECT * FROM orders;"
            "CREATE TRIGGER kept AFTER DELETE ON orders BEGIN"
            "  INSERT INTO orders (item) VALUES ('kept'); END;"
            "INSERT INTO orders (item) VALUES ('tea');"
        )
    return path


@pytest.fixture
def frozen() -> Iterator[None]:
    """The application has started."""
    freeze()
    yield
    thaw()


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
async def async_engine(path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    yield engine
    await engine.dispose()


def run(engine: Engine, statement: str) -> list[Any]:
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        return list(result) if result.returns_rows else []


# ---------------------------------------------------------------------- one guarded connection


@pytest.mark.parametrize("statement", ATTACKS)
def test_a_guarded_connection_denies(path: Path, statement: str) -> None:
    """ATTACKS I01, I02: the second line of an injected statement. Without it each succeeds."""
    attack = statement.format(folder=path.parent)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        guard(connection)
        with pytest.raises(sqlite3.DatabaseError, match="not authorized|prohibited|denied"):
            connection.execute(attack).fetchall()
    assert not (path.parent / "stolen.sqlite").exists()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(attack).fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT load_extension('/lib/evil.so')",
        "SELECT fts3_tokenizer('simple')",
        "INSERT INTO sqlite_master VALUES ('table', 'a', 'a', 1, 'x')",
        "DELETE FROM sqlite_master",
        "UPDATE sqlite_master SET sql = 'x'",
        "DETACH other",
    ],
)
def test_a_guarded_connection_denies_what_sqlite_may_deny_itself(
    path: Path, statement: str
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        guard(connection)
        with pytest.raises(sqlite3.DatabaseError, match="not authorized|may not be modified"):
            connection.execute(statement)


@pytest.mark.parametrize("statement", HONEST)
def test_a_guarded_connection_allows(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        guard(connection)
        connection.execute(statement).fetchall()


# --------------------------------------------------------- the application's SQLAlchemy engines


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("statement", ["DROP TABLE orders", "ATTACH ':memory:' AS other"])
def test_a_request_is_refused(engine: Engine, statement: str) -> None:
    with request(), pytest.raises(Refused, match="database.denied"):
        run(engine, statement)
    assert run(engine, "SELECT item FROM orders") == [("tea",)]


@pytest.mark.usefixtures("frozen")
def test_with_the_network_layer_off_the_attack_succeeds(engine: Engine) -> None:
    """The pair of the test above: the same connection, the same statement."""
    run(engine, "SELECT 1")
    with request(Layer.NETWORK):
        run(engine, "DROP TABLE orders")
    with request(), pytest.raises(OperationalError, match="no such table"):
        run(engine, "SELECT item FROM orders")


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
LONG = ENDLESS.replace("FROM n)", "FROM n LIMIT 20000)")


@pytest.mark.usefixtures("frozen")
def test_a_statement_that_does_not_end_is_ended(engine: Engine) -> None:
    """CWE-400; each statement has its own allowance."""
    with request(), engine.connect() as connection:
        with pytest.raises(Refused, match=r"database\.denied"):
            connection.execute(text(ENDLESS))
        for _ in range(3):
            assert connection.execute(text(LONG)).scalar() == 20_000


@pytest.mark.usefixtures("frozen")
def test_with_the_network_layer_off_a_statement_may_take_longer(engine: Engine) -> None:
    longer = ENDLESS.replace("FROM n)", "FROM n LIMIT 9000000)")
    with (
        request(),
        engine.connect() as connection,
        pytest.raises(Refused, match=r"database\.denied"),
    ):
        connection.execute(text(longer))
    with request(Layer.NETWORK), engine.connect() as connection:
        assert connection.execute(text(longer)).scalar() == 9_000_000


@pytest.mark.usefixtures("frozen")
async def test_a_statement_that_does_not_end_is_ended_in_another_thread(
    async_engine: AsyncEngine,
) -> None:
    with request():
        async with async_engine.connect() as connection:
            endless = connection.execute(text(ENDLESS))
            with pytest.raises(Refused, match=r"database\.denied"):
                await endless


@pytest.mark.usefixtures("frozen")
def test_a_statement_that_was_allowed_once_is_judged_again(engine: Engine) -> None:
    """SQLite keeps compiled statements, and would not ask about one that it has."""
    with request(Layer.NETWORK):
        run(engine, "PRAGMA user_version = 7")
    with request(), pytest.raises(Refused, match="database.denied"):
        run(engine, "PRAGMA user_version = 7")


def test_until_the_application_has_started_it_may_make_its_tables(engine: Engine) -> None:
    run(engine, "CREATE TABLE mine (x)")


def test_a_connection_from_before_the_start_is_guarded_after_it(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        freeze()
        try:
            with pytest.raises(Refused, match="database.denied"):
                connection.execute(text("DROP TABLE orders"))
        finally:
            thaw()


@pytest.mark.usefixtures("frozen")
def test_outside_of_a_request_it_acts_as_well(engine: Engine) -> None:
    with pytest.raises(Refused, match="database.denied"):
        run(engine, "DROP TABLE orders")


@pytest.mark.usefixtures("frozen")
def test_the_applications_own_migrations_pass(engine: Engine) -> None:
    with migrating():
        run(engine, "CREATE TABLE mine (x)")
    with pytest.raises(Refused, match="database.denied"):
        run(engine, "DROP TABLE mine")


@pytest.mark.usefixtures("frozen")
def test_what_the_application_sets_on_a_new_connection_is_its_own_affair(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA cache_size = -4000")

    with request():
        assert run(engine, "SELECT item FROM orders") == [("tea",)]


@pytest.mark.usefixtures("frozen")
def test_a_raw_cursor_of_the_pool_is_guarded_too(engine: Engine) -> None:
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            cursor.execute("DROP TABLE orders")
        cursor.close()


@pytest.mark.usefixtures("frozen")
def test_a_thread_without_the_request_is_guarded(engine: Engine) -> None:
    """As Ledger 41: context variables are not copied to ``run_in_executor``."""

    async def handler() -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, run, engine, "DROP TABLE orders")

    with request(Layer.NETWORK), pytest.raises(Refused, match="database.denied"):
        asyncio.run(handler())


@pytest.mark.usefixtures("frozen")
def test_other_errors_stay_what_they_are(engine: Engine) -> None:
    with pytest.raises(OperationalError, match="no such table"):
        run(engine, "SELECT * FROM missing")


# ----------------------------------------------------------------------------------- aiosqlite


@pytest.mark.usefixtures("frozen")
async def test_aiosqlite_is_guarded_in_its_own_thread(async_engine: AsyncEngine) -> None:
    with request(), pytest.raises(Refused, match="database.denied"):
        async with async_engine.begin() as connection:
            await connection.execute(text("DROP TABLE orders"))
    with request():
        async with async_engine.begin() as connection:
            rows = await connection.execute(text("SELECT item FROM orders"))
            assert list(rows) == [("tea",)]


@pytest.mark.usefixtures("frozen")
async def test_with_the_network_layer_off_the_attack_succeeds_on_aiosqlite(
    async_engine: AsyncEngine,
) -> None:
    with request():
        async with async_engine.begin() as connection:
            await connection.execute(text("SELECT 1"))
    with request(Layer.NETWORK):
        async with async_engine.begin() as connection:
            await connection.execute(text("DROP TABLE orders"))
    with request(), pytest.raises(OperationalError, match="no such table"):
        async with async_engine.begin() as connection:
            await connection.execute(text("SELECT item FROM orders"))


async def test_an_aiosqlite_that_takes_no_guard_stops_the_start(
    async_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As versions before 0.22: connections would be open to all SQL, and nobody would know."""
    monkeypatch.delattr(aiosqlite.Connection, "set_authorizer")
    with pytest.raises(ConfigurationError, match="aiosqlite: .* 0.22"):
        freeze()


@pytest.mark.usefixtures("frozen")
async def test_one_that_came_after_the_start_runs_nothing(
    async_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(aiosqlite.Connection, "set_authorizer")
    with request(), pytest.raises(Refused, match="database.denied"):
        async with async_engine.begin() as connection:
            await connection.execute(text("DROP TABLE orders"))
