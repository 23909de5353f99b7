"""A route that nobody declared a policy for is never served, however it is added (Z04).

The nine ways of TRAPS, "FastAPI and Starlette". Each is run twice: with the authorization layer on
the handler does not run, with it off it does; otherwise the way would prove nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Match, Mount, Route

from ringfence import allow, public
from tests.attack.authz.guarded import guarded


async def late(request: Any = None) -> PlainTextResponse:
    return PlainTextResponse("LATE HANDLER RAN")


def late_copy() -> Any:
    """A handler of its own, whose policy is nobody else's."""

    async def endpoint(request: Any = None) -> PlainTextResponse:
        return await late(request)

    return endpoint


async def raw_late(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("LATE HANDLER RAN")(scope, receive, send)


@allow(public)
async def hello() -> str:
    return "hello"


class Custom(BaseRoute):
    """A route of a kind of its own."""

    def __init__(self, path: str = "/late") -> None:
        self.path = path

    def matches(self, scope: Any) -> Any:
        return (Match.FULL, {}) if scope["path"] == self.path else (Match.NONE, {})

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await raw_late(scope, receive, send)


class Greedy(Route):
    """A route that takes every path, and answers by itself."""

    def matches(self, scope: Any) -> Any:
        return Match.FULL, {}

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await raw_late(scope, receive, send)


class App:
    """An application with an inner router and a sub-application."""

    def __init__(self) -> None:
        self.inner = APIRouter()
        self.inner.add_api_route("/hello", hello)
        self.sub = FastAPI(openapi_url=None)
        self.sub.add_api_route("/hello", hello)
        self.app = FastAPI(openapi_url=None)
        self.app.add_api_route("/hello", hello)
        self.app.include_router(self.inner, prefix="/inner")
        self.app.mount("/sub", self.sub)


def include(app: App) -> None:
    router = APIRouter()
    router.add_api_route("/late", late)
    app.app.include_router(router)


def replace(app: App) -> None:
    routes: list[BaseRoute] = [Route("/late", late), *app.app.router.routes]
    app.app.router.routes = routes


def another_router(app: App) -> None:
    router = APIRouter()
    router.add_api_route("/hello", late)
    app.app.router = router
    app.app.middleware_stack = None  # built anew, around the new one


def place(app: App, path: str) -> int:
    paths = [getattr(route, "path", "") for route in app.app.router.routes]
    return paths.index(path)


WAYS: dict[str, tuple[str, Callable[[App], object]]] = {
    "the decorator": ("/late", lambda a: a.app.get("/late")(late)),
    "an inner router": ("/inner/late", lambda a: a.inner.add_api_route("/late", late)),
    "insert(0)": ("/late", lambda a: a.app.router.routes.insert(0, Route("/late", late))),
    "in front of a known route": (
        "/hello",
        lambda a: a.app.router.routes.insert(0, Route("/hello", late)),
    ),
    "a mount in front": ("/late", lambda a: a.app.router.routes.insert(0, Mount("", raw_late))),
    "a raw mount": ("/late/x", lambda a: a.app.mount("/late", raw_late)),
    "a sub-application": ("/sub/late", lambda a: a.sub.add_api_route("/late", late)),
    "a new sub-application": (
        "/new/late",
        lambda a: a.app.mount("/new", Starlette(routes=[Route("/late", late)])),
    ),
    "an included router": ("/late", include),
    "a custom route": ("/late", lambda a: a.app.router.routes.append(Custom())),
    "a custom route in front of a known one": (
        "/hello",
        lambda a: a.app.router.routes.insert(0, Custom("/hello")),
    ),
    "a host in front of all": (
        "/hello",
        lambda a: a.app.router.routes.insert(0, Host("test.example", raw_late)),
    ),
    "a route that takes every path": (
        "/hello",
        lambda a: a.app.router.routes.insert(0, Greedy("/x", allow(public)(late_copy()))),
    ),
    "another router": ("/hello", another_router),
    "a replaced list": ("/late", replace),
    "a replaced item": (
        "/hello",
        lambda a: a.app.router.routes.__setitem__(place(a, "/hello"), Route("/hello", late)),
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_late_route_without_a_policy_does_not_run(way: str, tmp_path: Path) -> None:
    path, add = WAYS[way]
    app = App()
    async with guarded(app.app, tmp_path) as site:
        assert (await site.get("/hello")).text == '"hello"'
        add(app)
        answer = await site.get(path)
        assert "LATE" not in answer.text
        assert answer.status_code == 404
        again = await site.get(path)
        assert again.status_code == 404


@pytest.mark.parametrize("way", WAYS)
async def test_with_authz_off_it_does(way: str, tmp_path: Path) -> None:
    path, add = WAYS[way]
    app = App()
    async with guarded(app.app, tmp_path, off=["authz"]) as site:
        await site.get("/hello")
        add(app)
        assert (await site.get(path)).text == "LATE HANDLER RAN"


async def test_a_late_route_with_a_policy_is_served_under_it(tmp_path: Path) -> None:
    app = App()
    async with guarded(app.app, tmp_path) as site:
        app.inner.add_api_route("/late", allow(public)(lambda: "fine"))
        assert (await site.get("/inner/late")).json() == "fine"
        assert (await site.get("/hello")).status_code == 200


async def test_a_late_mount_is_not_opened_by_the_policy_of_a_page(tmp_path: Path) -> None:
    """``policies={"/": public}`` was agreed on for one path, not for all that begin with it."""
    app = App()
    app.app.add_route("/", allow_nothing())
    async with guarded(app.app, tmp_path, policies={"/": public}) as site:
        assert (await site.get("/")).text == "page"
        app.app.router.routes.insert(0, Mount("", raw_late))
        for path in ("/", "/hello", "/anything"):
            answer = await site.get(path)
            assert (answer.status_code, "LATE" in answer.text) == (404, False)


async def test_with_authz_off_a_late_mount_in_front_takes_all(tmp_path: Path) -> None:
    app = App()
    app.app.add_route("/", allow_nothing())
    async with guarded(app.app, tmp_path, off=["authz"], policies={"/": public}) as site:
        app.app.router.routes.insert(0, Mount("", raw_late))
        assert (await site.get("/anything")).text == "LATE HANDLER RAN"


def allow_nothing() -> Any:
    """A page without a policy of its own: ``policies`` names it."""

    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    return page
