"""What a request opened is closed with it, whatever becomes of the rest."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute

from ringfence import ConfigurationError, Refused, Ringfence, Settings, allow, public, signed_in
from ringfence.core.exchange import current, refusal
from ringfence.core.settings import Environment
from ringfence.storage import open_stores
from tests.attack.authz.guarded import guarded


async def test_one_that_fails_to_close_keeps_no_other_open(tmp_path: Path) -> None:
    closed: list[str] = []

    async def fails() -> None:
        raise RuntimeError("a connection that is gone")

    async def works() -> None:
        closed.append("the other one")

    @allow(public)
    async def page(request: Any) -> PlainTextResponse:
        exchange = current.get()
        assert exchange is not None
        exchange.closing.extend((fails, works))
        return PlainTextResponse("page")

    async with guarded(Starlette(routes=[Route("/", page)]), tmp_path) as site:
        assert (await site.get("/")).text == "page"
        assert closed == ["the other one"]
    assert "server.error" in (tmp_path / "log").read_text()


async def test_a_request_that_the_server_cuts_off_is_answered(tmp_path: Path) -> None:
    """Issue 9, B7: uvicorn, whose patience is over, answers a bare 500 in its place."""
    reached = asyncio.Event()

    @allow(public)
    async def page(_request: Any) -> PlainTextResponse:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with guarded(Starlette(routes=[Route("/", page)]), tmp_path) as site:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = [(b"host", b"test.example")]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
        scope |= {"query_string": b"", "raw_path": b"/", "client": ("203.0.113.7", 1)}
        request = asyncio.create_task(site.guard(scope, receive, send))
        await reached.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    start, body = sent
    assert start["status"] == 503
    assert dict(start["headers"])[b"retry-after"] == b"2"
    assert b'"service.stopping"' in body["body"]


async def test_a_refusal_of_a_task_that_outlives_its_request_is_written_down(
    tmp_path: Path,
) -> None:
    """Issue 9, A: nobody asked for it any more."""
    tasks: list[asyncio.Task[None]] = []
    ended = asyncio.Event()

    async def afterwards() -> None:
        await ended.wait()
        with contextlib.suppress(Refused):
            raise refusal("file.outside", name="../secret")

    @allow(public)
    async def page(_request: Any) -> PlainTextResponse:
        tasks.append(asyncio.create_task(afterwards()))
        return PlainTextResponse("page")

    async with guarded(Starlette(routes=[Route("/", page)]), tmp_path) as site:
        assert (await site.get("/")).text == "page"
        assert "file.outside" not in (tmp_path / "log").read_text()
        ended.set()
        await asyncio.gather(*tasks)
    assert '"code":"file.outside"' in (tmp_path / "log").read_text()


async def test_before_the_start_an_answer_has_an_id_and_the_headers_of_all(tmp_path: Path) -> None:
    """API.md: every response carries ``X-Request-Id``."""
    settings = Settings(
        environment=Environment.TEST, origin="https://test.example", keys=tmp_path / "keys"
    )
    app = Ringfence(Starlette(), settings=settings)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://test.example") as client:
        answer = await client.get("/")
    assert answer.status_code == 503
    assert answer.json()["code"] == "service.starting"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_handshake_that_is_refused_is_told_why(tmp_path: Path) -> None:
    """It was a bare 403, without an id. A server that knows no such answer closes."""

    @allow(signed_in)
    async def chat(_socket: Any) -> None:
        raise AssertionError

    async with guarded(Starlette(routes=[WebSocketRoute("/ws", chat)]), tmp_path) as site:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        scope: dict[str, Any] = {"type": "websocket", "path": "/ws", "raw_path": b"/ws"}
        scope |= {"query_string": b"", "client": ("203.0.113.7", 1), "subprotocols": []}
        scope |= {"headers": [(b"host", b"test.example")]}
        await site.guard({**scope, "extensions": {"websocket.http.response": {}}}, receive, send)
        await site.guard(scope, receive, send)
    start, body, close = sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert b"x-request-id" in dict(start["headers"])
    assert b'"token.missing"' in body["body"]
    assert close == {"type": "websocket.close", "code": 1008}


@pytest.mark.parametrize("environment", [*Environment])
async def test_debug_mode_stops_the_start_in_production_alone(
    tmp_path: Path, environment: Environment
) -> None:
    """Issue 9, A: its error page shows the source, and that of a mounted application does too."""
    inner = Starlette(debug=True)
    settings = Settings(environment=environment, keys=tmp_path / "keys", mail="smtp://localhost")
    app = Ringfence(
        Starlette(routes=[Mount("/inner", inner)]), settings=settings, stores=open_stores("memory:")
    )
    problem = "debug=True: errors would be shown with their source"
    production = environment is Environment.PRODUCTION
    assert (problem in app.survey().problems) == production
    if production:
        with pytest.raises(ConfigurationError, match="debug=True"):
            await app.start()
    else:
        await app.start()
        await app.close()
