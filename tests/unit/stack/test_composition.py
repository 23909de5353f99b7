"""The composition root: it picks each layer, starts it, and gives it what it needs."""

import asyncio
import json
import logging
import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, create_engine, event, text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ringfence import (
    ConfigurationError,
    Refused,
    Ringfence,
    Settings,
    aal,
    allow,
    public,
    role,
    signed_in,
)
from ringfence.boundary.sql import sqlalchemy as guard_of_sql
from ringfence.core.codes import Layer
from ringfence.core.policy import Policy
from ringfence.core.settings import Environment
from ringfence.output import html
from ringfence.stack.layers import GUARDED, Factory, Parts
from ringfence_demo.careless import careless
from tests.attack.authn.guarded import Client, guarded

ORIGIN = "http://test.example"
CANARY = "mail to alice@shop.example"


@allow(public)
def start_a_program(_request: Request) -> PlainTextResponse:
    return PlainTextResponse(subprocess.run(["/bin/echo", "hi"], check=True, stdout=-1).stdout)


@asynccontextmanager
async def running(
    folder: Path, layers: Mapping[Layer, Factory] | None = None, **options: Any
) -> AsyncGenerator[httpx2.AsyncClient]:
    app = Ringfence(
        Starlette(routes=[Route("/program", start_a_program)]),
        settings=settings(folder),
        layers=layers,
        **options,
    )
    await app.start()
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield client
    finally:
        await app.close()


def settings(folder: Path, **changes: Any) -> Settings:
    made = Settings(
        environment=Environment.TEST,
        origin=ORIGIN,
        database="memory:",
        keys=folder / "keys",
        mail=f"file:{folder / 'mail'}",
        log=str(folder / "log"),
    )
    return replace(made, **changes)


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.sqlite'}")
    yield engine
    engine.dispose()


def makes_a_table(engine: Engine, name: str) -> str:
    """Why it may not; empty if it may."""
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE TABLE {name} (x)"))
    except Refused as refused:
        return refused.code.name
    return ""


def starts_a_program() -> str:
    """As ``makes_a_table``."""
    try:
        subprocess.run(["/bin/true"], check=True)
    except Refused as refused:
        return refused.code.name
    return ""


# ------------------------------------------------------------------------- who implements a layer


@pytest.mark.parametrize("layer", GUARDED)
async def test_production_takes_no_layer_from_outside(tmp_path: Path, layer: Layer) -> None:
    production = settings(
        tmp_path, environment=Environment.PRODUCTION, origin="https://x.example", mail="smtp://h"
    )
    app = Ringfence(Starlette(), settings=production, layers=careless(layer))
    with pytest.raises(ConfigurationError, match="layers= is for RINGFENCE_ENV=demo and test only"):
        await app.start()
    assert not (tmp_path / "keys").exists()


async def test_an_environment_that_is_not_named_is_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RINGFENCE_ORIGIN", "https://x.example")
    monkeypatch.setenv("RINGFENCE_MAIL", "smtp://h")
    monkeypatch.setenv("RINGFENCE_KEYS", str(tmp_path / "keys"))
    with pytest.raises(ConfigurationError, match="demo and test only"):
        await Ringfence(Starlette(), layers=careless("output")).start()


async def test_a_layer_that_this_version_does_not_have_is_refused(tmp_path: Path) -> None:
    layers: Mapping[Layer, Factory] = {Layer.GATEWAY: GUARDED[Layer.OUTPUT]}
    with pytest.raises(ConfigurationError, match="there is no gateway"):
        await Ringfence(Starlette(), settings=settings(tmp_path), layers=layers).start()


async def test_a_layer_provides_for_its_own_seams_only(tmp_path: Path) -> None:
    def make(parts: Parts) -> Any:
        made = GUARDED[Layer.BOUNDARY](parts)
        made.seams = {html.SANITISER: str}
        return made

    layers: Mapping[Layer, Factory] = {Layer.BOUNDARY: make}
    with pytest.raises(ConfigurationError, match="boundary provides for"):
        await Ringfence(Starlette(), settings=settings(tmp_path), layers=layers).start()
    assert not starts_a_program()


async def test_a_factory_is_given_what_the_root_has(tmp_path: Path) -> None:
    given: list[Parts] = []

    def make(parts: Parts) -> Any:
        given.append(parts)
        return parts.guarded[Layer.AUTHZ](parts)

    async with running(tmp_path, {Layer.AUTHZ: make}) as client:
        assert (await client.get("/healthz")).status_code == 200
    (parts,) = given
    assert parts.settings == settings(tmp_path)
    assert "/auth/sign-in" in {entry.pattern for entry in parts.own}


# ------------------------------------------------------------------------------- start and close


class Noted:
    """Writes down when each guarded layer is started and closed."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def factories(self) -> Mapping[Layer, Factory]:
        return {layer: self._noting(layer) for layer in GUARDED}

    def _noting(self, layer: Layer) -> Factory:
        def make(parts: Parts) -> Any:
            made = parts.guarded[layer](parts)
            start, close = made.start, made.close

            def noted_start() -> None:
                self.notes.append(f"start {layer}")
                start()

            def noted_close() -> None:
                self.notes.append(f"close {layer}")
                close()

            made.start, made.close = noted_start, noted_close
            return made

        return make


async def test_each_layer_is_started_once_and_closed_once(tmp_path: Path) -> None:
    noted = Noted()
    async with running(tmp_path, noted.factories()):
        assert sorted(noted.notes) == sorted(f"start {layer}" for layer in GUARDED)
        noted.notes.clear()
    assert sorted(noted.notes) == sorted(f"close {layer}" for layer in GUARDED)
    assert noted.notes[-1] == "close monitoring"  # it writes until the end


async def test_monitoring_starts_before_the_application_and_the_others_after_it(
    tmp_path: Path,
) -> None:
    """An application logs while it starts, and makes its tables then."""
    noted = Noted()

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncGenerator[None]:
        noted.notes.append("the application starts")
        yield

    app = Ringfence(
        Starlette(lifespan=lifespan), settings=settings(tmp_path), layers=noted.factories()
    )
    started = asyncio.Event()

    async def receive() -> Any:
        if "lifespan.startup" in noted.notes:
            await started.wait()
            return {"type": "lifespan.shutdown"}
        noted.notes.append("lifespan.startup")
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        noted.notes.append(message["type"])
        started.set()

    await app({"type": "lifespan", "state": {}}, receive, send)
    until = noted.notes.index("the application starts")
    assert noted.notes[:until] == ["lifespan.startup", "start monitoring"]
    after = noted.notes[until + 1 : noted.notes.index("lifespan.startup.complete")]
    assert sorted(after) == sorted(f"start {layer}" for layer in GUARDED if layer != "monitoring")


async def test_where_the_routes_are_refused_nothing_stays_started(
    tmp_path: Path, engine: Engine
) -> None:
    async def forgotten(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("")

    noted = Noted()
    app = Ringfence(
        Starlette(routes=[Route("/", forgotten)]),
        settings=settings(tmp_path),
        layers=noted.factories(),
    )
    with pytest.raises(ConfigurationError, match="no policy"):
        await app.start()
    assert noted.notes == ["start monitoring", "start authz", "close monitoring"]
    assert not starts_a_program()
    assert not makes_a_table(engine, "a")


async def test_the_process_is_held_from_start_to_close(tmp_path: Path, engine: Engine) -> None:
    """The audit hook and SQLite's authorizer, the listener of the SQL guard, the log's records."""
    assert not starts_a_program()
    assert not makes_a_table(engine, "before")
    async with running(tmp_path) as client:
        assert (await client.get("/program")).status_code == 500
        assert starts_a_program() == "process.denied"
        assert makes_a_table(engine, "meanwhile") == "database.denied"
        assert event.contains(Engine, "do_execute", guard_of_sql._guard)
        assert "alice" not in logged(CANARY)
    assert not starts_a_program()
    assert not makes_a_table(engine, "after")
    assert "alice" in logged(CANARY)


async def test_a_policy_that_nobody_can_fulfil_is_told_at_the_start(tmp_path: Path) -> None:
    """There is no second factor yet: ``aal(2)`` would answer 403 to everybody, without a word."""

    def route(path: str, policy: Policy) -> Route:
        async def handler(_request: Request) -> PlainTextResponse:
            return PlainTextResponse("")

        return Route(path, allow(policy)(handler), methods=["POST"])

    routes = [
        route("/payouts", aal(3)),
        route("/refunds", role("admin") & (aal(3) | aal(3, max_age="1h"))),
        route("/orders", aal(2)),
        route("/notes", aal(3) | signed_in),
    ]
    app = Ringfence(Starlette(routes=routes), settings=settings(tmp_path))
    await app.start()
    await app.close()
    events = map(json.loads, (tmp_path / "log").read_text().splitlines())
    told = [each["facts"] for each in events if each["code"] == "policy.unreachable"]
    assert told == [
        {"route": "POST /payouts", "policy": "aal(3)"},
        {"route": "POST /refunds", "policy": 'role("admin") & (aal(3) | aal(3, max_age="1h"))'},
    ]


def logged(message: str) -> str:
    factory = logging.getLogRecordFactory()
    return factory("shop", logging.INFO, "shop.py", 1, message, (), None).getMessage()


async def test_careless_layers_hold_nothing(tmp_path: Path, engine: Engine) -> None:
    """The pair of the test above."""
    async with running(tmp_path, careless("network", "boundary", "monitoring")) as client:
        assert (await client.get("/program")).text == "hi\n"
        assert not starts_a_program()
        assert not makes_a_table(engine, "meanwhile")
        assert "alice" in logged(CANARY)


async def test_two_applications_in_one_process_do_not_judge_for_each_other(tmp_path: Path) -> None:
    """Outside of their requests they disagree, so there it is the guarded one that acts."""
    async with (
        running(tmp_path / "a") as client,
        running(tmp_path / "b", careless("boundary")) as loose,
    ):
        assert (await client.get("/program")).status_code == 500
        assert (await loose.get("/program")).text == "hi\n"
        assert starts_a_program() == "process.denied"
    assert not starts_a_program()


# --------------------------------------------------------------------------- configured numbers


@pytest.mark.parametrize("name", ["session_idle", "session_absolute"])
async def test_the_limits_of_a_session_are_those_of_the_settings(tmp_path: Path, name: str) -> None:
    """Refreshed every day, so that the two limits differ: two days idle, or two days in all."""
    limits: dict[str, Any] = {name: timedelta(days=2)}
    async with guarded(tmp_path, **limits) as house:
        client = Client(house)
        await client.sign_in()
        pauses = (1, 2) if name == "session_idle" else (1, 1)
        codes: list[int] = []
        for days in pauses:
            house.pass_time(timedelta(days=days))
            codes.append((await client.post("/auth/refresh")).status_code)
        assert codes == [200, 401]


async def test_the_limits_of_a_session_are_those_of_the_design_otherwise(tmp_path: Path) -> None:
    """The positive control of the test above."""
    async with guarded(tmp_path) as house:
        client = Client(house)
        await client.sign_in()
        for days in (1, 2, 1):
            house.pass_time(timedelta(days=days))
            assert (await client.post("/auth/refresh")).status_code == 200


async def test_readiness_asks_the_layer_that_writes_the_log(tmp_path: Path) -> None:
    def make(parts: Parts) -> Any:
        made = parts.guarded[Layer.MONITORING](parts)
        made.ping = lambda: (_ for _ in ()).throw(Refused("store.unavailable"))
        return made

    async with running(tmp_path, {Layer.MONITORING: make}) as client:
        assert (await client.get("/readyz")).status_code == 503
    async with running(tmp_path) as client:
        assert (await client.get("/readyz")).status_code == 200
