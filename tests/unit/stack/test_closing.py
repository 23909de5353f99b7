"""What a request opened is closed with it, whatever becomes of the rest."""

from pathlib import Path
from typing import Any

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
