"""The styles as an application, with the guard and without it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from ringfence import allow, public, sql_files
from ringfence.core.codes import Layer
from tests.attack.authz.guarded import Site, guarded
from tests.attack.boundary.styles import core, more, texts
from tests.attack.boundary.styles.tables import ONLY, STYLES

OF: Final = (core, more, texts)


def cases(database: str) -> list[tuple[str, str]]:
    """The styles of a database, and what a client sends to each."""
    named = [name for name in STYLES if ONLY.get(name, database) == database]
    return [(name, query) for name in named for query in STYLES[name][1]]


def app_of(engine: AsyncEngine) -> FastAPI:
    @allow(public)
    async def styled(name: str, request: Request) -> list[list[object]]:
        act, _ = STYLES[name]
        async with engine.connect() as db:
            found = await act(db, dict(request.query_params))
        return [[repr(each) for each in row] for row in found]

    made = FastAPI(openapi_url=None)
    made.add_api_route("/{name}", styled)
    return made


@asynccontextmanager
async def sites(engine: AsyncEngine, folder: Path) -> AsyncGenerator[tuple[Site, Site]]:
    """The application with the guard, and without."""
    sql_files(Path(__file__).parent)
    async with (
        guarded(app_of(engine), folder) as on,
        guarded(app_of(engine), folder, off=[Layer.BOUNDARY]) as off,
    ):
        yield on, off
    await engine.dispose()


async def same(both: tuple[Site, Site], name: str, query: str) -> None:
    """The guard changes nothing in what the client gets."""
    on, off = [await site.get(f"/{name}?{query}") for site in both]
    assert off.status_code == 200, off.text
    assert on.status_code == 200, on.text
    assert on.json() == off.json()
