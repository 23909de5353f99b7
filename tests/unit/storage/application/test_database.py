"""One session a request, and the one query by which ``owner(Model)`` finds its row."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import enumerate as enumerate_threads
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import String, delete, event, select, update
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import AsyncAdaptedQueuePool

from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from ringfence.core.ownership import Resource
from ringfence.core.policy import Relation
from ringfence.core.principal import Principal
from ringfence.storage.application.database import Database


class Base(DeclarativeBase):
    """Models of a guarded application."""


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(String)
    note: Mapped[str] = mapped_column(String, default="")


class Page(Base):
    __tablename__ = "pages"
    slug: Mapped[str] = mapped_column(primary_key=True)
    author: Mapped[str]


class Part(Base):
    __tablename__ = "parts"
    shop: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[str]


class Reading(Base):
    __tablename__ = "readings"
    at: Mapped[float] = mapped_column(primary_key=True)
    user_id: Mapped[str]


OWNED = (
    Resource(Order, owner=Order.user_id),
    Resource(Page, owner=Page.author),
    Resource(Part, owner=Part.user_id),
    Resource(Ticket, owner=Ticket.user_id),
)
TICKET = UUID(int=7)


class Nowhere:
    def emit(self, event: Event) -> None: ...


class Told:
    def __init__(self, told: list[Event]) -> None:
        self.told = told

    def emit(self, event: Event) -> None:
        self.told.append(event)


@asynccontextmanager
async def request() -> AsyncGenerator[Exchange]:
    now = datetime.now(UTC)
    exchange = Exchange({}, request_id="r", now=now, sink=Nowhere())
    exchange.principal = Principal(
        subject="alice", session="s", authenticated_at=now, expires_at=now + timedelta(minutes=15)
    )
    token = current.set(exchange)
    yield exchange
    current.reset(token)
    for close in exchange.closing:
        await close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    database = Database(engine, OWNED)
    async with database.unscoped(reason="the test's rows")() as session:
        session.add_all(
            [
                Order(id=17, user_id="alice"),
                Order(id=0, user_id="bob"),
                Page(slug="a b", author="alice"),
                Part(shop="s", number=1, user_id="alice"),
                Ticket(id=TICKET, user_id="alice"),
            ]
        )
        await session.commit()
    yield database
    await engine.dispose()


async def found(
    database: Database,
    model: type,
    *key: str,
    subject: str | None = "alice",
    relations: tuple[Relation, ...] = (Relation.OWNER,),
) -> Any:
    return await database.finders[model].find(key, subject, relations)


async def test_the_policy_and_the_handler_see_the_same_object(database: Database) -> None:
    async with request():
        value, relation = await found(database, Order, "17")
        assert value is await database.session().get(Order, 17)
        assert relation is Relation.OWNER


@pytest.mark.parametrize("subject", ["bob", "", None])
async def test_a_row_of_somebody_else_is_not_found(database: Database, subject: str | None) -> None:
    """Issue 10: one query, and a foreign row is to it what a missing one is."""
    async with request():
        assert await found(database, Order, "17", subject=subject) is None


async def test_whom_the_policy_lets_in_anyway_gets_the_row_and_what_he_is_to_it(
    database: Database,
) -> None:
    anybodys = (Relation.STRANGER, Relation.OWNER)
    async with request():
        for subject, relation in (("bob", Relation.STRANGER), ("alice", Relation.OWNER)):
            row = await found(database, Order, "17", subject=subject, relations=anybodys)
            assert row.relation is relation


async def test_one_query_finds_it(database: Database) -> None:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with request():
        assert await found(database, Order, "17")
    (statement,) = asked
    assert statement.endswith("WHERE orders.id = ? AND orders.user_id = ?")


@pytest.mark.parametrize(
    "key", ["18", "017", "+17", " 17", "17 ", "１７", "1e1", "-1", "", "9" * 19, "17\x00", "None"]
)
async def test_a_key_that_is_missing_or_not_canonical_finds_nothing(
    database: Database, key: str
) -> None:
    """What is judged and what is used cannot differ in spelling; no key is an error."""
    async with request():
        assert await found(database, Order, key) is None


@pytest.mark.parametrize(
    ("model", "key"),
    [(Page, ["a b"]), (Part, ["s", "1"]), (Ticket, [str(TICKET)])],
)
async def test_keys_are_strings_too_and_uuids_and_of_several_parts(
    database: Database, model: type, key: list[str]
) -> None:
    async with request():
        assert await found(database, model, *key)


@pytest.mark.parametrize(
    ("model", "key"),
    [
        (Page, ["a b\x00"]),
        (Part, ["s", "01"]),
        (Part, ["t", "1"]),
        (Ticket, [str(TICKET).replace("-", "")]),
        (Ticket, ["7"]),
    ],
)
async def test_another_spelling_of_such_a_key_finds_nothing(
    database: Database, model: type, key: list[str]
) -> None:
    async with request():
        assert await found(database, model, *key) is None


async def test_the_names_of_a_key_are_those_of_the_attributes(database: Database) -> None:
    assert database.finders[Part].key == ("shop", "number")


async def test_what_was_not_committed_is_gone_with_the_request(database: Database) -> None:
    async with request():
        order = await database.session().get(Order, 17)
        assert order is not None
        order.note = "changed"
        await database.session().flush()
    async with request():
        order = await database.session().get(Order, 17)
        assert order is not None
        assert order.note == ""


async def test_two_requests_have_two_sessions(database: Database) -> None:
    async with request():
        first = database.session()
        assert database.session() is first
    async with request():
        assert database.session() is not first


def test_outside_of_a_request_there_is_no_session() -> None:
    database = Database(create_async_engine("sqlite+aiosqlite://"))
    with pytest.raises(LookupError):
        database.session()


async def test_a_database_that_fails_refuses_and_lets_nobody_in(tmp_path: Path) -> None:
    before = set(enumerate_threads())
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/missing/shop.sqlite")
    async with request():
        with pytest.raises(StoreError):
            await found(Database(engine, OWNED), Order, "17")
    await engine.dispose()
    for thread in set(enumerate_threads()) - before:
        thread.join(10)  # aiosqlite's, of the connection that failed: it still tells this loop


async def test_a_key_that_the_column_cannot_hold_is_no_error_of_the_database() -> None:
    """PostgreSQL answers an integer out of range with an error, which would be 503."""
    engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    async with request():
        assert await found(Database(engine, OWNED), Order, str(2**31)) is None


def test_a_key_that_no_path_can_name_is_a_configuration_error() -> None:
    readings = [Resource(Reading, owner=Reading.user_id)]
    database = Database(create_async_engine("sqlite+aiosqlite://"), readings)
    with pytest.raises(ConfigurationError, match=r"readings\.at"):
        _ = database.finders


async def test_a_pool_that_is_exhausted_is_a_store_error(tmp_path: Path) -> None:
    """503 and a clear code, not a crash: whoever holds the connections gives them back."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite'}",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.01,
    )
    database = Database(engine, OWNED)
    async with engine.connect(), request():
        with pytest.raises(StoreError) as raised:
            await found(database, Order, "1")
    assert raised.value.facts["reason"] == "TimeoutError"
    await engine.dispose()


async def test_outside_of_a_request_nothing_is_read_and_nothing_written(database: Database) -> None:
    """Issue 10, 3: at the start, in tasks and in scripts it fails closed."""
    for statement in (select(Order), update(Order).values(note="x"), delete(Order)):
        async with AsyncSession(database.engine) as session:
            with pytest.raises(StatementError, match=r"say database\.unscoped"):
                await session.execute(statement)


async def test_whoever_says_why_sees_all_rows_and_it_is_an_event(database: Database) -> None:
    report = database.unscoped(reason="monthly report")
    async with request() as exchange:
        told: list[Event] = []
        exchange.sink = Told(told)
        assert len((await database.session().scalars(select(Order))).all()) == 1
        async with report() as session:
            assert len((await session.scalars(select(Order))).all()) == 2
        assert [(each.code.name, each.facts) for each in told] == [
            ("ownership.unscoped", {"reason": "monthly report"})
        ]
    assert database.reasons == ("the test's rows", "monthly report")


@pytest.mark.parametrize("reason", ["", " ", 'a "quoted" one'])
def test_a_reason_is_words(reason: str) -> None:
    database = Database(create_async_engine("sqlite+aiosqlite://"), OWNED)
    with pytest.raises(ConfigurationError, match="say why"):
        database.unscoped(reason=reason)


async def test_a_reason_that_is_in_no_lock_is_none(database: Database) -> None:
    async with request():
        with pytest.raises(ConfigurationError, match="beside the application"):
            database.unscoped(reason="because")


async def test_nobody_signed_in_sees_no_rows(database: Database) -> None:
    async with request() as exchange:
        exchange.principal = None
        assert (await database.session().scalars(select(Order))).all() == []


async def test_a_session_that_is_kept_serves_no_other_request(database: Database) -> None:
    """What it has loaded it would hand out without a query, to somebody else."""
    async with request():
        kept = database.session()
        assert await kept.get(Order, 17)
        async with request():
            for reads in (kept.get(Order, 17), kept.scalars(select(Order))):
                with pytest.raises(LookupError, match="belongs to the request"):
                    await reads


def test_an_engine_belongs_to_one_database() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    Database(engine, OWNED)
    with pytest.raises(ConfigurationError, match="one Database"):
        Database(engine, OWNED)


async def test_the_text_of_a_statement_is_made_once_for_everybody(database: Database) -> None:
    """Ledger 37: nothing of the first caller stays in a statement that is cached."""
    for subject, seen in (("alice", 1), ("bob", 1), ("carol", 0)):
        async with request() as exchange:
            assert exchange.principal is not None
            exchange.principal = replace(exchange.principal, subject=subject)
            assert len((await database.session().scalars(select(Order))).all()) == seen
