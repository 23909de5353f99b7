"""What a client may set of a row, and what it may not (ATTACKS I12; API3:2023; ASVS 15.3.3)."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, Json
from sqlalchemy import insert, literal, select, update
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ringfence import (
    ConfigurationError,
    Database,
    Owned,
    Resource,
    allow,
    body,
    migrating,
    owner,
    signed_in,
)
from ringfence.core.codes import Layer
from ringfence.core.exchange import current
from tests.attack.authz.guarded import Site, guarded


class State(str, Enum):  # noqa: UP042  # its str() is not its value
    """As people write an enumeration whose members are texts."""

    NEW = "new"
    DONE = "settled"


class Base(DeclarativeBase):
    """Models of a guarded application."""


class Bill(Base):
    """A client says what for, an accountant whether it is paid."""

    __tablename__ = "bills"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    item: Mapped[str]
    total: Mapped[int] = mapped_column(default=7800)
    paid: Mapped[bool] = mapped_column(default=False)
    due: Mapped[date] = mapped_column("due_on", default=date(2030, 1, 1))
    state: Mapped[State] = mapped_column(default=State.NEW)
    word: Mapped[str] = mapped_column(default="new")
    team: Mapped[UUID] = mapped_column(default=UUID(int=0))

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "item": self.item, "total": self.total, "paid": self.paid} | {
            "due": self.due.isoformat(),
            "state": self.state.value,
            "word": self.word,
            "team": str(self.team),
        }


class Typed(BaseModel):
    """Every field that the row has, by hand and in haste."""

    model_config = ConfigDict(extra="allow")
    item: str = "tray"
    total: int = 7800
    paid: bool = Field(default=False, alias="PAID")
    due: date = date(2030, 1, 1)
    state: State = State.NEW
    word: State = State.NEW
    team: UUID = UUID(int=0)


class Parts(BaseModel):
    """What holds the total somewhere within."""

    total: dict[str, int] | list[int] = []
    payload: Json[dict[str, int]] | None = None


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """As ``Typed``."""

    item: str = "tray"
    total: int = 7800


BILLS: Any = Bill.__table__
BILL = Resource(
    Bill, owner=Bill.user_id, writes={"*": {"item"}, "accountant": {"paid"}, "chief": ["total"]}
)


def shop(database: Database) -> FastAPI:  # noqa: C901  # one handler for each way to write
    app = FastAPI(openapi_url=None)

    async def copy(bill: Bill, fields: dict[str, Any]) -> dict[str, Any]:
        for name, value in fields.items():
            setattr(bill, name, value)
        session = database.session()
        session.add(bill)
        await session.commit()
        return bill.shown()

    @app.post("/bills")
    @allow(signed_in)
    async def create_raw(request: Request) -> dict[str, Any]:
        exchange = current.get()
        assert exchange is not None
        assert exchange.principal is not None
        return await copy(Bill(user_id=exchange.principal.subject), await request.json())

    @app.put("/bills/{bill_id}")
    @allow(owner(Bill))
    async def change_raw(request: Request, bill: Owned[Bill]) -> dict[str, Any]:
        return await copy(bill, await request.json())

    @app.put("/bills/{bill_id}/form")
    @allow(owner(Bill))
    async def change_by_form(request: Request, bill: Owned[Bill]) -> dict[str, Any]:
        return await copy(bill, {**await request.form()})

    @app.put("/bills/{bill_id}/query")
    @allow(owner(Bill))
    async def change_by_query(bill: Owned[Bill], total: int) -> dict[str, Any]:
        return await copy(bill, {"total": total})

    @app.put("/bills/{bill_id}/typed")
    @allow(owner(Bill))
    async def change_typed(changes: Typed, bill: Owned[Bill]) -> dict[str, Any]:
        return await copy(bill, changes.model_dump(exclude_unset=True))

    @app.put("/bills/{bill_id}/parts")
    @allow(owner(Bill))
    async def change_by_part(parts: Parts, bill: Owned[Bill]) -> dict[str, Any]:
        within = parts.payload or parts.total
        (total,) = within.values() if isinstance(within, dict) else within
        return await copy(bill, {"total": total})

    @app.put("/bills/{bill_id}/list")
    @allow(owner(Bill))
    async def change_by_list(request: Request, bill: Owned[Bill]) -> dict[str, Any]:
        (total,) = (await request.form()).values()
        return await copy(bill, {"total": int(str(total))})

    @app.put("/bills/{bill_id}/strict")
    @allow(owner(Bill))
    @body(Strict)
    async def change_strict(request: Request, bill: Owned[Bill]) -> dict[str, Any]:
        return await copy(bill, await request.json())

    @app.put("/bills/{bill_id}/statement/{how}")
    @allow(owner(Bill, by="bill_id"))
    async def change_by_statement(request: Request, bill: Owned[Bill], how: str) -> dict[str, Any]:
        total, session = (await request.json())["total"], database.session()
        statements: dict[str, Any] = {
            "update": update(Bill).values(total=total),
            "expression": update(Bill).values(total=literal(total) + 0),
            "core": update(BILLS).values({BILLS.c.total: total}),
            "insert": insert(Bill).values(user_id=bill.user_id, item="x", total=total),
            "several": insert(Bill).values(
                [{"user_id": bill.user_id, "item": "x", "total": each} for each in (1, total)]
            ),
        }
        await session.execute(statements[how])
        await session.commit()
        totals = await session.scalars(select(Bill.total))
        return {"total": total if total in totals.all() else None}

    @app.put("/bills/{bill_id}/computed")
    @allow(owner(Bill))
    async def compute(request: Request, bill: Owned[Bill]) -> dict[str, Any]:
        await request.json()  # what it says of the total is left where it is
        return await copy(bill, {"total": 5})

    return app


@asynccontextmanager
async def running(folder: Path, *off: Layer) -> AsyncGenerator[Site]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'bills.sqlite'}")
    with migrating():
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
    database = Database(engine, [BILL])
    async with database.unscoped(reason="the test's rows")() as session:
        session.add(Bill(id=1, user_id="alice", item="tray"))
        await session.commit()
    try:
        async with guarded(shop(database), folder, off=off, database=database) as site:
            yield site
    finally:
        await engine.dispose()


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(tmp_path_factory.mktemp("fields")) as site:
        yield site


@pytest.fixture(scope="module")
async def careless(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(tmp_path_factory.mktemp("careless"), Layer.AUTHZ) as site:
        yield site


ATTEMPTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "create": ("POST", "/bills", {"json": {"item": "x", "total": 1}}),
    "change": ("PUT", "/bills/1", {"json": {"total": 1}}),
    "a truth value": ("PUT", "/bills/1", {"json": {"paid": True}}),
    "form": ("PUT", "/bills/1/form", {"data": {"total": "1"}}),
    "query": ("PUT", "/bills/1/query?total=1", {}),
    "typed": ("PUT", "/bills/1/typed", {"json": {"total": "1.0"}}),
    "by another name": ("PUT", "/bills/1/typed", {"json": {"PAID": "yes"}}),
    "a date": ("PUT", "/bills/1/typed", {"json": {"due": "1999-01-01T00:00:00"}}),
    "strict": ("PUT", "/bills/1/strict", {"json": {"total": 1}}),
    "an enumeration": ("PUT", "/bills/1/typed", {"json": {"state": "settled"}}),
    "a word of one": ("PUT", "/bills/1/typed", {"json": {"word": "settled"}}),
    "a UUID": ("PUT", "/bills/1/typed", {"json": {"team": "00000000000000000000000000000001"}}),
    "within an object": ("PUT", "/bills/1/parts", {"json": {"total": {"amount": 1}}}),
    "within a list": ("PUT", "/bills/1/parts", {"json": {"total": [1]}}),
    "JSON in a text": ("PUT", "/bills/1/parts", {"json": {"payload": '{"total": 1}'}}),
    "a list of a form": ("PUT", "/bills/1/list", {"data": {"total[]": "1"}}),
    "a member of a form": ("PUT", "/bills/1/list", {"data": {"total[amount]": "1"}}),
    **{
        how: ("PUT", f"/bills/1/statement/{how}", {"json": {"total": 11}})
        for how in ("update", "expression", "core", "insert", "several")
    },
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_a_field_that_a_client_may_not_set_is_not_written(site: Site, attempt: str) -> None:
    method, path, options = ATTEMPTS[attempt]
    headers = site.bearer("alice", "user", "accountants")
    answer = await site.client.request(method, path, **options, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "field.unwritable")
    kept = await site.client.put("/bills/1", json={"item": "tray"}, headers=site.bearer("alice"))
    assert kept.json() == {"id": 1, "item": "tray", "total": 7800, "paid": False} | {
        "due": "2030-01-01",
        "state": "new",
        "word": "new",
        "team": str(UUID(int=0)),
    }


@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_with_authz_off_it_is_written(careless: Site, attempt: str) -> None:
    method, path, options = ATTEMPTS[attempt]
    answer = await careless.client.request(
        method, path, **options, headers=careless.bearer("alice")
    )
    assert answer.status_code == 200
    told = {
        "by another name": ("paid", True),
        "a date": ("due", "1999-01-01"),
        "an enumeration": ("state", "settled"),
        "a word of one": ("word", "settled"),
        "a UUID": ("team", str(UUID(int=1))),
    }
    if attempt in told:
        name, value = told[attempt]
        assert answer.json()[name] == value
    else:
        assert {1, 11} & set(answer.json().values())  # True is 1


async def test_what_a_client_may_set_is_written(site: Site) -> None:
    """By everybody, by a role, and by the application whatever the client said."""

    async def put(path: str, json: object, *roles: str) -> dict[str, Any]:
        answer = await site.client.put(path, json=json, headers=site.bearer("alice", *roles))
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    assert (await put("/bills/1", {"item": "cup"}))["item"] == "cup"
    assert (await put("/bills/1", {"paid": True}, "accountant"))["paid"] is True
    assert (await put("/bills/1", {"paid": False}, "accountant"))["paid"] is False
    assert (await put("/bills/1/computed", {"total": 1, "nested": [{"paid": True}]}))["total"] == 5
    assert (await put("/bills/1", {"total": 7800, "item": "tray"}, "chief"))["total"] == 7800


def test_a_name_that_is_no_column_is_told_at_once() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(ConfigurationError, match="totl in writes= is no column"):
        Database(engine, [Resource(Bill, owner=Bill.user_id, writes={"totl"})])
    with pytest.raises(ConfigurationError, match="writes= is a set of names"):
        Resource(Bill, owner=Bill.user_id, writes="item")
