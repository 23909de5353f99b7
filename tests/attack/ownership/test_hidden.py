"""What a client gets of a row, and what never leaves (ATTACKS Z05; API3:2023; ASVS 15.3.1)."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ringfence import Common, Database, Owned, Page, Resource, allow, migrating, owner, public
from ringfence import paged as page_of
from ringfence.core.codes import Layer
from tests.attack.authz.guarded import Site, guarded

HASH = "canary-hash"


class Base(DeclarativeBase):
    """Models of a guarded application."""


class Person(Base):
    """Who has a password, and an address that support may see."""

    __tablename__ = "persons"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    digest: Mapped[str] = mapped_column("password_hash")


class Shelf(Base):
    """Shows a column of a name that ``Person`` hides."""

    __tablename__ = "shelves"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]


PERSON = Resource(
    Person,
    owner=Person.id,
    read="public",
    reads={"*": {"id", "name"}, "support": {"email"}},
    writes={"name"},
)


def whole(person: Person) -> dict[str, Any]:
    columns = {"id": person.id, "name": person.name, "email": person.email}
    return columns | {"passwordHash": person.digest, "deep": [{"DIGEST": person.digest}]}


def shop(database: Database) -> FastAPI:  # noqa: C901  # one handler for each kind of answer
    app, router = FastAPI(docs_url=None, redoc_url=None), APIRouter(prefix="/persons")

    @router.get("/{person_id}")
    @allow(owner(Person))
    async def read(person: Owned[Person]) -> dict[str, Any]:
        return whole(person)

    @router.get("")
    @allow(public)
    async def every(people: Owned[list[Person]]) -> Page[dict[str, Any]]:
        return page_of(people, whole)

    @app.get("/text")
    @allow(public)
    async def by_text() -> dict[str, Any]:
        found = await database.session().execute(text("SELECT * FROM persons"))
        return {"items": [dict(row) for row in found.mappings()]}

    @app.get("/shelf")
    @allow(public)
    async def shelf() -> dict[str, Any]:
        found = await database.session().get_one(Shelf, 1)
        return {"email": found.email, "it says": '"password_hash": 1'}

    @app.get("/escaped")
    @allow(public)
    async def escaped() -> Response:
        return Response(f'{{"pass\\u0077ord_hash" : "{HASH}"}}', media_type="application/x+json")

    @app.get("/plain")
    @allow(public)
    async def plain() -> Response:
        return Response(f'{{"password_hash": "{HASH}"}}', media_type="text/plain")

    @app.get("/pieces/{kind}")
    @allow(public)
    async def pieces(kind: str) -> StreamingResponse:
        def made() -> Iterator[str]:
            yield '{"pass'
            yield f'word_hash": "{HASH}", "id": "ä"}}' if kind != "endless" else "x" * 5_000_000

        media_type = "application/problem+json" if kind == "problem" else "application/json"
        return StreamingResponse(made(), media_type=media_type)

    @app.get("/broken")
    @allow(public)
    async def broken() -> Response:
        return Response(f'{{"password_hash": "{HASH}', media_type="application/json")

    @app.get("/packed")
    @allow(public)
    async def packed(request: Request) -> JSONResponse:
        asked = "accept-encoding" in request.headers
        return JSONResponse({"asked": asked}, headers={} if asked else {"content-encoding": "br"})

    app.include_router(router)
    return app


@asynccontextmanager
async def running(folder: Path, *off: Layer) -> AsyncGenerator[Site]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'persons.sqlite'}")
    with migrating():
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
    database = Database(engine, [PERSON], common=[Common(Shelf)])
    async with database.unscoped(reason="the test's rows")() as session:
        session.add(Person(id="alice", name="Alice", email="a@x.example", digest=HASH))
        session.add(Shelf(id=1, email="shelf@x.example"))
        await session.commit()
    options: dict[str, Any] = {"database": database, "policies": {"/openapi.json": public}}
    try:
        async with guarded(shop(database), folder, off=off, **options) as site:
            yield site
    finally:
        await engine.dispose()


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(tmp_path_factory.mktemp("hidden")) as site:
        yield site


@pytest.fixture(scope="module")
async def careless(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(tmp_path_factory.mktemp("careless"), Layer.OUTPUT) as site:
        yield site


SHOWING = ["/persons/alice", "/persons", "/text", "/pieces/json", "/pieces/problem", "/escaped"]


@pytest.mark.parametrize("path", SHOWING)
async def test_a_column_that_is_not_declared_never_leaves(site: Site, path: str) -> None:
    answer = await site.get(path, headers=site.bearer("alice"))
    assert answer.status_code == 200
    assert HASH not in answer.text
    assert "a@x.example" not in answer.text or path == "/text"  # where no class was read
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.json().get("id", "alice") in ("alice", "ä")


@pytest.mark.parametrize("path", SHOWING)
async def test_with_output_off_it_does(careless: Site, path: str) -> None:
    assert HASH in (await careless.get(path, headers=careless.bearer("alice"))).text


async def test_a_role_gets_what_is_declared_for_it(site: Site) -> None:
    answer = await site.get("/persons/alice", headers=site.bearer("alice", "support"))
    assert answer.json() == {
        "id": "alice",
        "name": "Alice",
        "email": "a@x.example",
        "deep": [{}],
    }


async def test_a_cut_is_an_event(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        answer = await site.get("/persons/alice", headers=site.bearer("alice"))
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (told,) = [line for line in lines if answer.headers["x-request-id"] in line.values()]
    assert "field.hidden" in json.dumps(told)
    assert "digest, email, passwordhash" in json.dumps(told)


async def test_a_name_that_another_class_shows_stays_where_that_is_read(site: Site) -> None:
    answer = await site.get("/shelf")
    assert answer.json() == {"email": "shelf@x.example", "it says": '"password_hash": 1'}


@pytest.mark.parametrize("path", ["/broken", "/packed", "/pieces/endless"])
async def test_what_cannot_be_judged_does_not_leave(site: Site, path: str) -> None:
    """A handler learns of no ``Accept-Encoding``, so none compresses for the client's sake."""
    answer = await site.get(path, headers={"accept-encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (500, "server.error")
    assert HASH not in answer.text


async def test_other_kinds_of_text_are_not_looked_into(site: Site) -> None:
    """As the docs say."""
    assert HASH in (await site.get("/plain")).text


async def test_the_schema_says_what_is_read_and_written(site: Site) -> None:
    paths = (await site.get("/openapi.json")).json()["paths"]
    said = {"Person": {"reads": ["id", "name"], "writes": ["name"]}}
    assert paths["/persons/{person_id}"]["get"]["x-fields"] == said
    assert paths["/persons"]["get"]["x-fields"] == said
    assert "x-fields" not in paths["/text"]["get"]
