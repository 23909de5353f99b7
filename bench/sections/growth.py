"""(d) How the cost of a request grows: with the routes of the table, with the sessions alive.

**Routes**: what the pipeline asks before the body is read, for the last route of a FastAPI
application that is built as large ones are: routers of ten routes each, all below ``/api/v1``.

**Sessions**: the whole pipeline, with as many accounts and sessions in SQLite as the line says;
every request carries the token of another session, so that no cache is spared.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from sqlalchemy import Connection, create_engine

from bench import inside, stages
from bench.contest import ASGIApp
from bench.cores import pinned, serving
from bench.measure import Effort, Goal, Line, Section, differences, interleaved, ratios
from ringfence import Settings, allow, signed_in
from ringfence.storage import open_stores
from ringfence.storage.schema import metadata

NAME: Final = "growth"
_TITLE: Final = "how the cost of a request grows"
_FLAT: Final = Goal("at most", 1.25)

_ROUTES_IN_A_ROUTER: Final = 10
_STRIDE: Final = 7_919  # a prime: neighbours in time are no neighbours in any store


def measure(effort: Effort) -> Section:
    """Routes, then sessions."""
    with (
        pinned(serving()),
        asyncio.Runner() as runner,
        TemporaryDirectory(prefix="ringfence-bench-") as folder,
    ):
        routes = runner.run(_routes(Path(folder) / "routes", effort))
        sessions = {
            number: _sessions(runner, Path(folder) / str(number), number, effort)
            for number in effort.sessions
        }
    lines = [*_growth("routes", routes), *_growth("sessions", sessions)]
    return Section(name=NAME, title=_TITLE, lines=tuple(lines))


def _growth(what: str, found: dict[int, list[float]]) -> Iterable[Line]:
    (least, base), *others = found.items()
    yield Line(what=f"{least:,} {what}", rounds=tuple(base), unit="µs")
    for number, rounds in others:
        yield Line(
            what=f"{number:,} {what} / {least:,} {what}", rounds=ratios(rounds, base), goal=_FLAT
        )


async def _routes(folder: Path, effort: Effort) -> dict[int, list[float]]:
    settings = inside.settings(folder, database="memory:")
    token = inside.token(settings)
    found: dict[int, list[float]] = {}
    for number in effort.routes:
        path = f"/api/v1/things{number - 1}/17"
        found[number] = await stages.checks(
            settings, _application(number), partial(inside.scope, token, path), effort
        )
    return found


def _application(routes: int) -> FastAPI:
    app = FastAPI(openapi_url=None)
    for start in range(0, routes, _ROUTES_IN_A_ROUTER):
        router = APIRouter()
        for number in range(start, min(start + _ROUTES_IN_A_ROUTER, routes)):

            @router.get(f"/things{number}/{{thing_id}}")
            @allow(signed_in)
            async def read_thing(thing_id: int) -> int:
                return thing_id

        app.include_router(router, prefix="/api/v1")
    return app


def _sessions(runner: asyncio.Runner, folder: Path, number: int, effort: Effort) -> list[float]:
    folder.mkdir()
    file = folder / "ringfence.sqlite"
    settings = inside.settings(folder, database=f"sqlite:///{file}")
    names = [f"{each:032x}" for each in range(number)]
    runner.run(_migrate(settings))
    _fill(file, names)
    tokens = list(inside.tokens(settings, names))
    sent = (tokens[place * _STRIDE % number] for place in count())

    def run(app: ASGIApp, repeats: int = effort.repeats) -> float:
        scopes = map(inside.scope, islice(sent, repeats))
        return runner.run(inside.microseconds(app, scopes))

    with inside.guarded(runner, settings, {"GET /orders/{id}": signed_in}) as app:
        run(app, number)  # every token has been seen
        turns: dict[str, Callable[[], float]] = {
            "bare": partial(run, inside.bare),
            "guarded": partial(run, app),
        }
        found = interleaved(effort.rounds, turns)
    return list(differences(found["guarded"], found["bare"]))


async def _migrate(settings: Settings) -> None:
    stores = open_stores(settings.database)
    await stores.start()
    await stores.close()


def _fill(file: Path, names: list[str]) -> None:
    """Write an account and a session for each name, past the stores: it would take minutes."""
    now = int(datetime.now(UTC).timestamp() * 1e6)
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        _insert(
            connection,
            "accounts",
            (
                {
                    "id": name,
                    "login": f"{name}@bench.example",
                    "login_verified_us": now,
                    "created_us": now,
                    "name": "",
                    "roles": '["user"]',
                    "token_version": 0,
                    "role_version": 0,
                }
                for name in names
            ),
        )
        _insert(
            connection,
            "sessions",
            (
                {
                    "id": name,
                    "account": name,
                    "signed_in_us": now,
                    "last_used_us": now,
                    "user_agent": "",
                    "client": "",
                }
                for name in names
            ),
        )
    engine.dispose()


def _insert(connection: Connection, table: str, rows: Iterable[dict[str, Any]]) -> None:
    connection.execute(metadata.tables[table].insert(), list(rows))
