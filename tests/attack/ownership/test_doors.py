"""SQLite's second line: what SQL text reads, whatever was joined into it (I01, I02, Z01)."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path as File
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ringfence.core.errors import Refused
from ringfence.core.ownership import Resource
from ringfence.network import sqlite
from ringfence.storage.application.database import Database
from ringfence_demo.careless.authz import SEAMS
from tests.attack.ownership.world import SECRET, Gift, Label, Line, Order, World, request

#: Ways around a view of the table's name; each reads Bob's notes where there are no doors.
WAYS = [
    "SELECT note FROM orders",
    "SELECT note FROM main.orders",
    "SELECT o.note FROM main.orders AS o",
    'SELECT note FROM "main"."orders"',
    "SELECT note FROM MAIN.ORDERS",
    "SELECT id, note FROM orders UNION ALL SELECT id, note FROM main.orders",
    "WITH orders AS (SELECT * FROM main.orders) SELECT note FROM orders",
    "WITH x AS (SELECT * FROM main.orders) SELECT note FROM x",
    "WITH RECURSIVE r(n) AS (SELECT note FROM main.orders UNION SELECT n FROM r) SELECT n FROM r",
    "SELECT (SELECT group_concat(note) FROM main.orders)",
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM main.orders WHERE id = 2) THEN 'canary-bob' END",
    "SELECT CASE WHEN (SELECT count(*) FROM main.orders) > 2 THEN 'canary-bob' END",
    "SELECT CASE WHEN (SELECT max(rowid) FROM main.orders) > 3 THEN 'canary-bob' END",
    "SELECT CASE WHEN (SELECT sum(id) FROM main.orders) > 4 THEN 'canary-bob' END",
    "SELECT max(note) FROM main.orders GROUP BY user_id",
    "SELECT note FROM main.orders INDEXED BY ix_orders_user_id WHERE user_id = 'bob'",
    "SELECT a.note FROM orders JOIN main.orders AS a ON a.id <> orders.id",
    "SELECT lines.note FROM main.lines",
    "SELECT a.note FROM lines JOIN main.lines AS a",
    "SELECT card FROM main.gifts",
    "SELECT note FROM (SELECT * FROM main.orders)",
    "SELECT note FROM orders WHERE 1=1 OR note IN (SELECT note FROM main.orders)",
    "SELECT n.note FROM labels, main.orders AS n",
    "SELECT json_group_array(note) FROM main.orders",
    "SELECT first_value(note) OVER (ORDER BY id DESC) FROM main.orders",
    "VALUES ((SELECT max(note) FROM main.orders))",
]
#: What would tell the name of a door, put another one up, or write.
REFUSED = [
    "SELECT sql FROM sqlite_temp_master",
    "SELECT sql FROM sqlite_temp_schema",
    "SELECT sql FROM temp.sqlite_master",
    "SELECT name FROM sqlite_schema",
    "PRAGMA table_list",
    "CREATE TEMP VIEW mine AS SELECT * FROM main.orders",
    "DROP VIEW orders",
    "ATTACH 'x' AS y",
    "DELETE FROM main.orders",
    "UPDATE main.orders SET note = 'taken'",
    "INSERT INTO main.orders (id, user_id, note, kind) VALUES (9, 'bob', '', 'order')",
    "REPLACE INTO main.orders (id, user_id, note, kind) VALUES (2, 'alice', '', 'order')",
]


@pytest.fixture
async def world(tmp_path: File) -> AsyncIterator[World]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite'}")
    world = World(engine)
    await world.fill()
    yield world
    await engine.dispose()


@pytest.fixture
async def frozen(world: World) -> AsyncIterator[World]:
    sqlite.freeze()
    yield world
    sqlite.thaw()


async def seen(world: World, statement: str, subject: str | None = "alice") -> str:
    """What a statement gives with ``authz`` off: this line stands alone."""
    async with request(subject, SEAMS):
        found: Any = await world.database.session().execute(text(statement))
        return repr(found.all()) if found.returns_rows else ""


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_around_the_door_leads_to_a_foreign_row(frozen: World, way: str) -> None:
    """Issue 10, 5; TRAPS, "Row-level security on SQLite"."""
    found = ""
    with suppress(Refused):
        found = await seen(frozen, way)
    assert SECRET not in found


@pytest.mark.parametrize("way", WAYS)
async def test_without_the_doors_each_way_does(world: World, way: str) -> None:
    assert SECRET in await seen(world, way)


@pytest.mark.parametrize("statement", REFUSED)
async def test_what_would_undo_a_door_and_writes_in_text_are_refused(
    frozen: World, statement: str
) -> None:
    before = await frozen.state()
    with pytest.raises(Refused) as raised:
        await seen(frozen, statement)
    assert raised.value.code.name == "database.denied"
    assert await frozen.state() == before


async def test_the_door_follows_whoever_asks_on_one_connection(frozen: World) -> None:
    """The identity is that of the request, not of the connection, which is used again."""
    for _ in range(2):
        assert "canary-alice-1" in await seen(frozen, "SELECT note FROM orders")
        found = await seen(frozen, "SELECT note FROM orders", "bob")
        assert "canary-bob-2" in found
        assert "alice" not in found
        assert await seen(frozen, "SELECT note FROM orders", None) == "[]"


async def test_what_is_ones_own_is_read_and_written_as_before(frozen: World) -> None:
    async with request("alice"):
        session = frozen.database.session()
        order = Gift(id=10, user_id="alice", note="new", card="new")
        session.add(order)
        await session.flush()
        session.add(Line(id=10, order_id=10, note="new"))
        order.note = "changed"
        await session.commit()
        assert await session.scalar(select(func.count()).select_from(Order)) == 3
        notes = await session.scalars(text("SELECT note FROM orders WHERE id = 10"))
        assert notes.all() == ["changed"]
        await session.delete(await session.get_one(Line, 10))
        await session.delete(order)
        await session.commit()
        assert await session.get(Order, 10) is None


async def test_whoever_says_why_reads_everything_in_text_too(frozen: World) -> None:
    statement = text("SELECT count(*) FROM orders")
    async with frozen.everybodys() as session:
        assert await session.scalar(statement) == 4
    async with request("alice", SEAMS):
        assert await frozen.database.session().scalar(statement) == 2


async def test_a_migration_meets_no_door(frozen: World) -> None:
    await seen(frozen, "SELECT note FROM orders")  # the doors are up
    with sqlite.migrating():
        async with frozen.database.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE orders ADD COLUMN extra TEXT"))
    assert "canary-alice-1" in await seen(frozen, "SELECT note FROM orders")


async def test_what_was_compiled_as_a_write_of_sqlalchemys_does_not_run_again_as_text(
    frozen: World,
) -> None:
    """TRAPS: the cache of statements keeps what was prepared under a wider permission."""
    async with request("alice", SEAMS):
        session = frozen.database.session()
        await session.execute(delete(Order).where(Order.id == -1))
        with pytest.raises(Refused):
            await (await session.connection()).exec_driver_sql(
                "DELETE FROM main.orders WHERE orders.id = ?", (2,)
            )


async def test_after_a_write_of_sqlalchemys_the_drivers_own_sql_meets_the_doors(
    frozen: World,
) -> None:
    """The doors open for a write that is scoped as it is made, and for nothing after it."""
    async with request("alice", {}):
        session = frozen.database.session()
        session.add(Label(id=77, name="new"))
        await session.flush()
        connection = await session.connection()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        for statement in ("SELECT note FROM main.orders", "UPDATE main.orders SET note = 'taken'"):
            with pytest.raises(sqlite3.DatabaseError, match="prohibited|not authorized"):
                await driver.execute(statement)


async def test_after_a_write_that_failed_as_well(frozen: World) -> None:
    async with request("alice", {}):
        connection = await frozen.database.session().connection()
        with suppress(IntegrityError):
            await connection.execute(insert(Label).values(id=None, name=None))
        driver: Any = (await connection.get_raw_connection()).driver_connection
        with pytest.raises(sqlite3.DatabaseError, match="prohibited|not authorized"):
            await driver.execute("SELECT note FROM main.orders")


async def test_a_table_that_the_file_spells_otherwise_has_its_door(tmp_path: File) -> None:
    """SQLite reports the spelling of the file, whatever the statement says."""
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE Secrets (id INTEGER PRIMARY KEY, user_id TEXT, note TEXT)")
        made.execute("INSERT INTO Secrets VALUES (1, 'bob', ?)", [SECRET])
    made.close()
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    database = Database(engine, [Resource(Kept, owner=Kept.user_id)])
    sqlite.freeze()
    try:
        async with request("alice", SEAMS):
            for statement in ("SELECT note FROM main.Secrets", "SELECT note FROM main.secrets"):
                with pytest.raises(Refused, match="database.denied"):
                    await database.session().execute(text(statement))
                await database.session().rollback()
            assert (await database.session().execute(text("SELECT * FROM secrets"))).all() == []
    finally:
        sqlite.thaw()
        await engine.dispose()


class Models(DeclarativeBase):
    """Models of their own."""


class Kept(Models):
    __tablename__ = "secrets"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    note: Mapped[str]
