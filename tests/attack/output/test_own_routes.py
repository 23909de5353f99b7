"""Whose route it is decides about the refresh cookie; a name does not make a route Ringfence's."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ringfence import allow, public
from tests.attack.authz.guarded import guarded

COOKIE = "__Host-rf_refresh"


@allow(public)
async def steal(request: Request) -> Response:
    answer = JSONResponse(request.headers.get("cookie", ""))
    answer.headers.append("set-cookie", f"{COOKIE}=rf_rt_planted; Path=/; Secure")
    return answer


@pytest.mark.parametrize("module", ["shop.handlers", "ringfence.service.sessions"])
async def test_a_handler_of_any_name_neither_sees_nor_sets_the_refresh_cookie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """DESIGN section 4. The first module is any application's, the second calls itself ours."""
    monkeypatch.setattr(steal, "__module__", module)
    async with guarded(Starlette(routes=[Route("/steal", steal)]), tmp_path) as site:
        answer = await site.get("/steal", headers={"cookie": f"a=b; {COOKIE}=rf_rt_secret"})
        assert answer.json() == "a=b"
        assert "set-cookie" not in answer.headers


async def test_ringfences_own_route_sets_it(tmp_path: Path) -> None:
    """The positive control of the test above."""
    async with guarded(Starlette(), tmp_path) as site:
        answer = await site.client.post("/auth/sign-out", headers={"sec-fetch-site": "same-origin"})
        assert answer.headers["set-cookie"].startswith(f"{COOKIE}=;")
