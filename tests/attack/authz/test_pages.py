"""Pages of the caller's rows: ``Owned[list[Note]]`` (issue 10; ATTACKS Z01; OWASP API1, API4)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ringfence import (
    ConfigurationError,
    Database,
    Owned,
    Page,
    Resource,
    allow,
    migrating,
    paged,
    signed_in,
)
from ringfence.core.codes import Layer
from tests.attack.authz.guarded import Site, guarded


class Base(DeclarativeBase):
    """Models of a guarded application."""


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]


class Part(Base):
    __tablename__ = "parts"
    shop: Mapped[str] = mapped_column(primary_key=True)
    ticket: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[str]


class Loose(Base):
    __tablename__ = "loose"
    id: Mapped[int] = mapped_column(primary_key=True)


class NoteOut(BaseModel):
    """What a client gets of a note."""

    id: int

    @classmethod
    def of(cls, note: Note) -> "NoteOut":
        return cls(id=note.id)


def shop() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/notes")
    @allow(signed_in)
    async def list_notes(notes: Owned[list[Note]]) -> Page[NoteOut]:
        return paged(notes, NoteOut.of)

    @app.get("/parts")
    @allow(signed_in)
    async def list_parts(parts: Owned[list[Part]]) -> Page[str]:
        return paged(parts, lambda part: f"{part.shop} {part.ticket.int}")

    return app


@asynccontextmanager
async def running(folder: Path, *off: Layer) -> AsyncGenerator[Site]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'notes.sqlite'}")
    with migrating():  # another application of this process is running
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
    owned = [Resource(kind, owner=kind.user_id) for kind in (Note, Part)]
    database = Database(engine, owned)
    async with database.unscoped(reason="the test's rows")() as session:
        mine = [-3, 0, 2, 4, 6, 2**62]
        session.add_all(Note(id=number, user_id="alice") for number in mine)
        session.add_all(Note(id=number, user_id="bob") for number in (1, 3, 5))
        for name, number in (("b", 1), ("a", 2), ("a", 1)):
            session.add(Part(shop=name, ticket=UUID(int=number), user_id="alice"))
        await session.commit()
    try:
        async with guarded(shop(), folder, off=off, database=database) as site:
            yield site
    finally:
        await engine.dispose()


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(tmp_path_factory.mktemp("pages")) as site:
        yield site


async def walk(site: Site, path: str, who: str = "alice") -> list[Any]:
    """All items of a list, two at a time."""
    items: list[Any] = []
    following: str | None = ""
    while following is not None:
        query = {"limit": "2"} | ({"after": following} if following else {})
        page = (await site.get(path, params=query, headers=site.bearer(who))).json()
        assert page.keys() == {"items", "next"}
        assert len(page["items"]) <= 2
        items += page["items"]
        following = page["next"]
    return items


async def test_a_list_has_the_callers_rows_page_after_page(site: Site) -> None:
    """In the order of the key: none twice, none left out, and none of anybody else."""
    mine = [-3, 0, 2, 4, 6, 2**62]
    assert await walk(site, "/notes") == [{"id": number} for number in mine]
    assert await walk(site, "/notes", "bob") == [{"id": number} for number in (1, 3, 5)]
    assert await walk(site, "/notes", "carol") == []
    assert await walk(site, "/parts") == ["a 1", "a 2", "b 1"]


async def test_with_authz_off_a_list_has_everybodys(tmp_path: Path) -> None:
    async with running(tmp_path, Layer.AUTHZ, Layer.NETWORK) as site:
        assert {"id": 5} in (await site.get("/notes", headers=site.bearer("alice"))).json()["items"]


def made(*parts: object) -> str:
    return urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


async def test_a_cursor_of_ones_own_begins_elsewhere_in_ones_own_rows(site: Site) -> None:
    """A cursor is never trusted: it says where to begin, and nothing about whose rows."""
    after = {"after": made("Note", "3")}
    answer = await site.get("/notes", params=after, headers=site.bearer("bob"))
    assert answer.json() == {"items": [{"id": 5}], "next": None}


@pytest.mark.parametrize(
    "after",
    ["", "x", "é", "AAAA", made("Note", "2") + "=", "!" + made("Note", "2"), made("Part", "2"),
     made("Note"), made("Note", "2", "3"), made("Note", 2), made("Note", "02"), made("Note", "-0"),
     made("Note", "2 OR 1=1"), made("Note", "9" * 19), made("Note", "1" * 5000), made({"a": 1}),
     "W" * 900 + "A"],
)  # fmt: skip
async def test_a_bad_cursor_is_refused(site: Site, after: str) -> None:
    answer = await site.get("/notes", params={"after": after}, headers=site.bearer("alice"))
    assert (answer.status_code, answer.json()["code"]) == (422, "query.invalid")


@pytest.mark.parametrize(("limit", "status"), [(0, 422), (1, 200), (100, 200), (101, 422)])
async def test_a_page_has_bounds(site: Site, limit: int, status: int) -> None:
    answer = await site.get("/notes", params={"limit": limit}, headers=site.bearer("alice"))
    assert answer.status_code == status


@pytest.mark.parametrize("off", [(), ("authz",)])
async def test_a_list_of_what_is_not_declared_stops_the_start(
    tmp_path: Path, off: tuple[str, ...]
) -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/loose")
    @allow(signed_in)
    async def list_loose(loose: Owned[list[Loose]]) -> Page[int]:
        return paged(loose, lambda each: each.id)

    with pytest.raises(ConfigurationError, match=r"GET /loose: Owned\[list\[Loose\]\] needs"):
        async with guarded(app, tmp_path, off=off):
            pass


def test_what_follows_other_rows_nobody_knows() -> None:
    with pytest.raises(TypeError, match="Owned"):
        paged([1], str)
