"""What a request opened is closed with it, whatever becomes of the rest."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ringfence import allow, public
from ringfence.core.exchange import current
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
