"""One session a request, and the loader that ``owner(Model)`` stands on."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import enumerate as enumerate_threads

import pytest
from sqlalchemy import String
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import AsyncAdaptedQueuePool

from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from ringfence.storage.sqlalchemy import Database


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


class Pair(Base):
    __tablename__ = "pairs"
    a: Mapped[int] = mapped_column(primary_key=True)
    b: Mapped[int] = mapped_column(primary_key=True)


class Nowhere:
    def emit(self, event: Event) -> None: ...


@asynccontextmanager
async def request() -> AsyncGenerator[Exchange]:
    exchange = Exchange({}, request_id="r", now=datetime.now(UTC), sink=Nowhere())
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
    database = Database(engine)
    async with request():
        database.session().add_all(
            [
                Order(id=17, user_id="alice"),
                Order(id=0, user_id="bob"),
                Page(slug="a b", author="x"),
            ]
        )
        await database.session().commit()
    yield database
    await engine.dispose()


async def test_the_loader_and_the_handler_see_the_same_object(database: Database) -> None:
    async with request():
        order = await database.loader(Order, owner="user_id").load("17")
        assert order is await database.session().get(Order, 17)


async def test_the_owner_is_read_from_the_attribute(database: Database) -> None:
    loader = database.loader(Order, owner="user_id")
    async with request():
        order = await loader.load("17")
        assert order is not None
        assert loader.owner(order) == "alice"


@pytest.mark.parametrize(
    "key", ["18", "017", "+17", " 17", "17 ", "１７", "1e1", "-1", "", "9" * 19, "17\x00", "None"]
)
async def test_a_key_that_is_missing_or_not_canonical_finds_nothing(
    database: Database, key: str
) -> None:
    """What is judged and what is used cannot differ in spelling; no key is an error."""
    async with request():
        assert await database.loader(Order, owner="user_id").load(key) is None


async def test_zero_and_string_keys_are_keys(database: Database) -> None:
    async with request():
        assert await database.loader(Order, owner="user_id").load("0") is not None
        assert await database.loader(Page, owner="author").load("a b") is not None


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
            await Database(engine).loader(Order, owner="user_id").load("17")
    await engine.dispose()
    for thread in set(enumerate_threads()) - before:
        thread.join(10)  # aiosqlite's, of the connection that failed: it still tells this loop


async def test_a_key_that_the_column_cannot_hold_is_no_error_of_the_database() -> None:
    """PostgreSQL answers an integer out of range with an error, which would be 503."""
    engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    async with request():
        assert await Database(engine).loader(Order, owner="user_id").load(str(2**31)) is None


@pytest.mark.parametrize(("model", "owner"), [(Pair, "a"), (Order, "nobody")])
def test_a_model_that_cannot_be_loaded_by_one_key_is_a_configuration_error(
    model: type, owner: str
) -> None:
    database = Database(create_async_engine("sqlite+aiosqlite://"))
    with pytest.raises(ConfigurationError):
        database.loader(model, owner=owner)


async def test_a_pool_that_is_exhausted_is_a_store_error(tmp_path: Path) -> None:
    """503 and a clear code, not a crash: whoever holds the connections gives them back."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite'}",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.01,
    )
    loader = Database(engine).loader(Order, owner="user_id")
    async with engine.connect(), request():
        with pytest.raises(StoreError) as raised:
            await loader.load("1")
    assert raised.value.facts["reason"] == "TimeoutError"
    await engine.dispose()
