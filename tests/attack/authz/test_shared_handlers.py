"""Policies that are declared twice, or where nobody reads them, open nothing (Z03, Z04)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from ringfence import ConfigurationError, allow, public, role
from ringfence.core.errors import RoutesSealed
from ringfence.core.policy import POLICY_ATTRIBUTE
from tests.attack.authz.guarded import guarded


async def secret(request: Any = None) -> PlainTextResponse:
    return PlainTextResponse("SECRET")


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("a folder")(scope, receive, send)


def endpoint() -> Any:
    async def copy(request: Any = None) -> PlainTextResponse:
        return await secret(request)

    return copy


# ------------------------------------------------------------------ one handler behind two routes


async def test_a_handler_behind_two_routes_cannot_have_two_policies() -> None:
    app, handler = FastAPI(openapi_url=None), endpoint()
    app.get("/admin/report")(allow(role("admin"))(handler))
    with pytest.raises(ConfigurationError, match="a second policy"):
        app.get("/report")(allow(public)(handler))


async def test_else_the_last_one_would_open_both(tmp_path: Path) -> None:
    """The pair: what ``allow`` does, without its question."""
    app, handler = FastAPI(openapi_url=None), endpoint()
    app.get("/admin/report")(allow(role("admin"))(handler))
    setattr(handler, POLICY_ATTRIBUTE, public)
    app.get("/report")(handler)
    async with guarded(app, tmp_path) as site:
        assert (await site.get("/admin/report")).text == "SECRET"


# ---------------------------------------------------------- policies where nobody would read them


def method_of_a_class() -> Starlette:
    @allow(public)
    class Report(HTTPEndpoint):
        async def get(self, request: Any) -> PlainTextResponse:
            return PlainTextResponse("report")

        @allow(role("admin"))
        async def delete(self, request: Any) -> PlainTextResponse:
            return await secret()

    return Starlette(routes=[Route("/secret", Report)])


def parent_of_a_class() -> Starlette:
    @allow(public)
    class Page(HTTPEndpoint):
        """Open to everybody."""

    class Secret(Page):
        async def delete(self, request: Any) -> PlainTextResponse:
            return await secret()

    return Starlette(routes=[Route("/secret", Secret)])


def inside_of_a_mount() -> Starlette:
    inner = FastAPI(openapi_url=None)
    inner.delete("/secret")(allow(role("admin"))(endpoint()))
    return Starlette(routes=[Mount("/open", inner)])


BLIND: dict[str, tuple[Callable[[], Starlette], str, dict[str, Any]]] = {
    "a method of a class-based endpoint": (method_of_a_class, "/secret", {}),
    "the parent of a class-based endpoint": (parent_of_a_class, "/secret", {}),
    "a route in a mount that has one": (inside_of_a_mount, "/open/secret", {"/open": public}),
}


@pytest.mark.parametrize("case", BLIND)
async def test_a_policy_where_nobody_would_read_it_stops_the_start(
    case: str, tmp_path: Path
) -> None:
    make, path, policies = BLIND[case]
    with pytest.raises(ConfigurationError, match=path.rpartition("/")[0] or path):
        async with guarded(make(), tmp_path, policies=policies):
            pass


@pytest.mark.parametrize("case", BLIND)
async def test_added_late_it_is_an_error(case: str, tmp_path: Path) -> None:
    make, path, policies = BLIND[case]
    late = make().routes
    app = Starlette(routes=[Mount("/open", raw)] if policies else [])
    async with guarded(app, tmp_path, policies=policies) as site:
        with pytest.raises(RoutesSealed):
            app.router.routes[:] = late
        answer = await site.client.delete(path)
        assert "SECRET" not in answer.text


@pytest.mark.parametrize("case", BLIND)
async def test_with_authz_off_it_runs(case: str, tmp_path: Path) -> None:
    make, path, policies = BLIND[case]
    late = make().routes
    app = Starlette(routes=[Mount("/open", raw)] if policies else [])
    async with guarded(app, tmp_path, off=["authz"], policies=policies) as site:
        app.router.routes[:] = late
        assert (await site.client.delete(path)).text == "SECRET"
