"""The scope holds for the caller, whatever a statement is given and however a class is mapped."""

from collections.abc import AsyncIterator
from pathlib import Path as File
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, bindparam, func, insert, select, text, update
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import String, TypeDecorator

from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.ownership import Resource
from ringfence.network import sqlite
from ringfence.network.sqlite import migrating
from ringfence.storage.application.database import Database
from ringfence.storage.application.scoping import SUBJECT
from ringfence_demo.careless.authz import SEAMS
from tests.attack.ownership.world import SECRET, Order, World, request


@pytest.fixture
async def world(tmp_path: File) -> AsyncIterator[World]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite'}")
    world = World(engine)
    await world.fill()
    yield world
    await engine.dispose()


NAMED = select(Order.note).where(Order.id == bindparam("id"))


async def test_no_parameter_of_a_client_takes_the_callers_place(world: World) -> None:
    """Handlers that pass on what they were sent: ``execute(statement, dict(query_params))``."""
    async with request("alice"):
        sent = {"id": 2, "rf_subject": "bob"}
        assert (await world.database.session().execute(NAMED, sent)).all() == []
        assert (await world.database.session().execute(NAMED.params(**sent))).all() == []


async def test_who_knows_the_name_of_the_parameter_is_refused(world: World) -> None:
    """It is random, so that this second line is never reached from outside."""
    before = await world.state()
    async with request("alice"):
        session = world.database.session()
        with pytest.raises(Refused, match="ownership.given"):
            await session.execute(NAMED, {"id": 2, SUBJECT.key: "bob"})
        change = update(Order).where(Order.id == bindparam("which")).values(note="taken")
        connection = await session.connection()
        with pytest.raises(Refused, match="ownership.given"):
            await connection.execute(change, {"which": 2, SUBJECT.key: "bob"})
    assert await world.state() == before


async def test_without_the_scope_the_parameter_is_just_one_more(world: World) -> None:
    async with request("alice", SEAMS):
        found = await world.database.session().execute(NAMED, {"id": 2})
        assert SECRET in repr(found.all())


@pytest.mark.parametrize("schema", ["main", "MAIN"])
async def test_a_table_with_the_schemas_name_is_the_same_table(world: World, schema: str) -> None:
    metadata: MetaData = Order.metadata
    again = Table("orders", metadata, *(c._copy() for c in Order.__table__.columns), schema=schema)
    try:
        async with request("alice"):
            session = world.database.session()
            assert SECRET not in repr((await session.execute(select(again.c.note))).all())
            await session.execute(update(again).where(again.c.id == 2).values(note="taken"))
            await session.commit()
        assert "taken" not in repr(await world.state())
    finally:
        metadata.remove(again)


async def test_a_task_that_outlives_its_request_asks_in_nobodys_name(world: World) -> None:
    """A worker that Bob's request started must not read as Bob for whoever comes later."""
    engine = world.database.engine
    async with request("bob") as made, AsyncSession(engine) as session:
        assert (await session.execute(NAMED, {"id": 2})).all() != []
        made.over = True
        with pytest.raises(StatementError, match="no request is under way"):
            await session.execute(NAMED, {"id": 2})
        with pytest.raises(LookupError, match="no request is under way"):
            world.database.session()


async def test_and_the_doors_open_for_nobody_then(world: World) -> None:
    sqlite.freeze()
    try:
        async with request("bob", SEAMS) as made, AsyncSession(world.database.engine) as session:
            assert SECRET in repr((await session.execute(text("SELECT note FROM orders"))).all())
            made.over = True
            assert (await session.execute(text("SELECT note FROM orders"))).all() == []
    finally:
        sqlite.thaw()


class Base(DeclarativeBase):
    """Models of their own."""


class Hexed(TypeDecorator[str]):
    """Text that the database shows in hexadecimal, as encrypted columns and PostGIS do theirs."""

    impl = String
    cache_ok = True

    def column_expression(self, column: Any) -> Any:
        return func.hex(column)


class Doc(Base):
    __tablename__ = "docs"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    body: Mapped[str] = mapped_column(Hexed)


async def test_what_a_type_does_to_a_column_is_done_once(tmp_path: File) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'docs.sqlite'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Doc).values(id=1, user_id="alice", body="abc"))
        before = (await connection.execute(select(Doc.body))).all()
    database = Database(engine, [Resource(Doc, owner=Doc.user_id)])
    sqlite.freeze()
    try:
        async with request("alice"):
            assert (await database.session().execute(select(Doc.body))).all() == before
    finally:
        sqlite.thaw()
        await engine.dispose()


async def test_what_was_compiled_before_the_declaration_is_compiled_again(tmp_path: File) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'docs.sqlite'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Doc).values(id=1, user_id="bob", body="abc"))
        assert len((await connection.execute(select(Doc.id))).all()) == 1
    database = Database(engine, [Resource(Doc, owner=Doc.user_id)])
    with migrating():
        async with request("alice"):
            assert (await database.session().execute(select(Doc.id))).all() == []
    await engine.dispose()


class Employee(Base):
    __tablename__ = "employees"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]


class Boss(Employee):
    """Has all columns in a table of its own."""

    __tablename__ = "bosses"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    __mapper_args__ = {"concrete": True}  # noqa: RUF012  # SQLAlchemy's


def test_a_concrete_subclass_has_to_be_declared_as_well() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(ConfigurationError, match="Boss has all columns"):
        Database(engine, [Resource(Employee, owner=Employee.user_id)])
    Database(
        create_async_engine("sqlite+aiosqlite://"),
        [Resource(Employee, owner=Employee.user_id), Resource(Boss, owner=Boss.user_id)],
    )
