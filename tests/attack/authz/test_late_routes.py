"""A route that comes after the start is never served, however it comes (ATTACKS Z04).

Each way is tried twice: with the authorization layer on the handler does not run, with it off it
does; otherwise the way would prove nothing. To add to a list of routes is an error; what is
replaced as a whole answers 404 from then on.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Match, Mount, Route

from ringfence import ConfigurationError, RingfenceError, allow, public
from ringfence.authz.frameworks import inclusion_of
from ringfence.authz.frameworks.nested import Nested
from ringfence.core.errors import RoutesSealed
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
    """An application with included routers, two sub-applications and a mount."""

    def __init__(self) -> None:
        self.inner = APIRouter()
        self.inner.add_api_route("/hello", hello)
        self.bare = APIRouter()
        self.bare.add_api_route("/bare", hello)
        self.sub = FastAPI(openapi_url=None)
        self.sub.add_api_route("/hello", hello)
        self.covered = FastAPI(openapi_url=None)
        self.app = FastAPI(openapi_url=None)
        self.app.add_api_route("/hello", hello)
        self.app.include_router(self.inner, prefix="/inner")
        self.app.include_router(self.bare)
        self.app.add_api_route("/after", hello)
        self.app.mount("/sub", self.sub)
        self.app.mount("/covered", self.covered)

    @property
    def routes(self) -> list[BaseRoute]:
        return self.app.router.routes

    def place(self, path: str) -> int:
        return [getattr(route, "path", "") for route in self.routes].index(path)


COVERED: dict[str, Any] = {"/covered": public}

#: Whether an included router is asked by each request. Where its routes were copied, what is done
#: to it later is not served, with Ringfence or without it.
ASKED = Nested.fits(APIRouter())


def include(app: App) -> None:
    router = APIRouter()
    router.add_api_route("/late", late)
    app.app.include_router(router)


def add_in_place(app: App) -> None:
    app.app.router.routes += [Route("/late", late)]


# --------------------------------------------------------------------- lists of routes are changed

CHANGES: dict[str, tuple[str, Callable[[App], object]]] = {
    "the decorator": ("/late", lambda a: a.app.get("/late")(late)),
    "add_api_route()": ("/late", lambda a: a.app.add_api_route("/late", late)),
    "add_route()": ("/late", lambda a: a.app.add_route("/late", late)),
    "append()": ("/late", lambda a: a.routes.append(Route("/late", late))),
    "extend()": ("/late", lambda a: a.routes.extend([Route("/late", late)])),
    "+=": ("/late", add_in_place),
    "a slice": ("/late", lambda a: a.routes.__setitem__(slice(0, 0), [Route("/late", late)])),
    "insert(0)": ("/late", lambda a: a.routes.insert(0, Route("/late", late))),
    "in front of a known route": (
        "/hello",
        lambda a: a.routes.insert(0, Route("/hello", late)),
    ),
    "a mount in front": ("/late", lambda a: a.routes.insert(0, Mount("", raw_late))),
    "a raw mount": ("/late/x", lambda a: a.app.mount("/late", raw_late)),
    "a sub-application": ("/sub/late", lambda a: a.sub.add_api_route("/late", late)),
    "a sub-application that is covered by one policy": (
        "/covered/late",
        lambda a: a.covered.add_api_route("/late", late),
    ),
    "a new sub-application": (
        "/new/late",
        lambda a: a.app.mount("/new", Starlette(routes=[Route("/late", late)])),
    ),
    "an included router": ("/late", include),
    "a custom route": ("/late", lambda a: a.routes.append(Custom())),
    "a custom route in front of a known one": (
        "/hello",
        lambda a: a.routes.insert(0, Custom("/hello")),
    ),
    "a host in front of all": (
        "/hello",
        lambda a: a.routes.insert(0, Host("test.example", raw_late)),
    ),
    "a route that takes every path": (
        "/hello",
        lambda a: a.routes.insert(0, Greedy("/x", allow(public)(late_copy()))),
    ),
    "a replaced item": (
        "/hello",
        lambda a: a.routes.__setitem__(a.place("/hello"), Route("/hello", late)),
    ),
    "a route with a policy": ("/late", lambda a: a.app.get("/late")(allow(public)(late_copy()))),
}
if ASKED:
    CHANGES.update(
        {
            "an inner router": ("/inner/late", lambda a: a.inner.add_api_route("/late", late)),
            "an inner router, in front": (
                "/inner/hello",
                lambda a: a.inner.routes.insert(0, Route("/hello", late)),
            ),
        }
    )


@pytest.mark.parametrize("way", CHANGES)
async def test_who_adds_a_route_after_the_start_gets_an_error_and_it_is_not_served(
    way: str, tmp_path: Path
) -> None:
    path, add = CHANGES[way]
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED) as site:
        before = await site.get(path)
        with pytest.raises(RoutesSealed, match="add routes before the start"):
            add(app)
        after = await site.get(path)
        known = path in {"/hello", "/inner/hello"}
        assert (before.status_code, after.status_code) == ((200, 200) if known else (404, 404))
        assert "LATE" not in after.text


@pytest.mark.parametrize("way", CHANGES)
async def test_with_authz_off_a_late_route_is_served(way: str, tmp_path: Path) -> None:
    path, add = CHANGES[way]
    app = App()
    async with guarded(app.app, tmp_path, off=["authz"], policies=COVERED) as site:
        await site.get("/hello")
        add(app)
        assert (await site.get(path)).text == "LATE HANDLER RAN"


@pytest.mark.parametrize("way", CHANGES)
async def test_once_the_stack_is_closed_routes_may_be_added_again(way: str, tmp_path: Path) -> None:
    _, add = CHANGES[way]
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED):
        pass
    add(app)


async def test_the_error_names_the_list_and_is_one_of_ringfence(tmp_path: Path) -> None:
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED):
        with pytest.raises(RingfenceError, match=r"the routes of /sub/… are sealed"):
            app.sub.add_api_route("/late", late)


async def test_there_is_no_way_around_the_methods_of_a_sealed_list(tmp_path: Path) -> None:
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED) as site:
        with pytest.raises(TypeError):
            list.insert(app.routes, 0, Route("/hello", late))
        assert (await site.get("/hello")).json() == "hello"


async def test_a_late_middleware_is_an_error_of_the_application_itself(tmp_path: Path) -> None:
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED):
        with pytest.raises(RuntimeError, match="Cannot add middleware"):
            app.app.add_middleware(Answering)


async def test_with_authz_off_a_late_middleware_answers(tmp_path: Path) -> None:
    app = App()
    async with guarded(app.app, tmp_path, off=["authz"], policies=COVERED) as site:
        app.app.add_middleware(Answering)
        assert (await site.get("/hello")).text == "LATE HANDLER RAN"


@pytest.mark.skipif(ASKED, reason="this FastAPI asks included routers")
async def test_what_is_added_to_a_router_whose_routes_were_copied_is_not_served(
    tmp_path: Path,
) -> None:
    app = App()
    async with guarded(app.app, tmp_path, off=["authz"], policies=COVERED) as site:
        app.inner.add_api_route("/late", late)
        assert (await site.get("/inner/late")).status_code == 404


class Answering:
    """A middleware that answers everything by itself."""

    def __init__(self, app: Any) -> None:
        """As a middleware is made."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await raw_late(scope, receive, send)


# ------------------------------------------------------------------- something else in their place


def another_router(app: App) -> None:
    router = APIRouter()
    router.add_api_route("/hello", late)
    app.app.router = router
    app.app.middleware_stack = None  # built anew, around the new one


def another_router_below(app: App) -> None:
    router = APIRouter()
    router.add_api_route("/hello", late)
    app.sub.router = router
    app.sub.middleware_stack = None


def another_list(router: APIRouter, path: str) -> None:
    router.routes = [Route(path, late), *router.routes]
    inclusion_of(router).refresh(router)


def another_application(app: App) -> None:
    mount = app.routes[app.place("/sub")]
    assert isinstance(mount, Mount)
    mount.app = raw_late


def another_included(app: App) -> None:
    router = APIRouter()
    router.add_api_route("/after", late)
    (including,) = [
        route for route in app.routes if getattr(route, "original_router", None) is app.bare
    ]
    setattr(including, "original_router", router)  # noqa: B010  # FastAPI's own type


REPLACED: dict[str, tuple[str, Callable[[App], object]]] = {
    "another router": ("/hello", another_router),
    "another router of a sub-application": ("/sub/hello", another_router_below),
    "another list": ("/hello", lambda a: another_list(a.app.router, "/hello")),
    "another list of a sub-application": (
        "/sub/hello",
        lambda a: another_list(a.sub.router, "/hello"),
    ),
    "another list of what one policy covers": (
        "/covered/late",
        lambda a: another_list(a.covered.router, "/late"),
    ),
    "another stack of middleware": (
        "/hello",
        lambda a: setattr(a.app, "middleware_stack", raw_late),
    ),
    "another stack of a router's middleware": (
        "/hello",
        lambda a: setattr(a.app.router, "middleware_stack", raw_late),
    ),
    "another application under a mount": ("/sub/hello", another_application),
    "another handler": (
        "/hello",
        lambda a: setattr(a.routes[a.place("/hello")], "handle", raw_late),
    ),
}
if ASKED:
    REPLACED.update(
        {
            "another list of an included router": (
                "/inner/hello",
                lambda a: another_list(a.inner, "/hello"),
            ),
            "another list of a router that is asked before": (
                "/after",
                lambda a: another_list(a.bare, "/after"),
            ),
            "another router in the place of an included one": ("/after", another_included),
        }
    )


@pytest.mark.parametrize("way", REPLACED)
async def test_what_is_put_in_the_place_of_sealed_routes_does_not_run(
    way: str, tmp_path: Path
) -> None:
    path, replace = REPLACED[way]
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED) as site:
        assert "LATE" not in (await site.get(path)).text
        replace(app)
        answer = await site.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "resource.missing")
    (event,) = [event for event in logged(tmp_path) if event["code"] == "route.unsealed"]
    assert event["level"] == "CRITICAL"


@pytest.mark.parametrize("way", REPLACED)
async def test_with_authz_off_it_runs(way: str, tmp_path: Path) -> None:
    path, replace = REPLACED[way]
    app = App()
    async with guarded(app.app, tmp_path, off=["authz"], policies=COVERED) as site:
        replace(app)
        assert (await site.get(path)).text == "LATE HANDLER RAN"


async def test_what_leads_elsewhere_is_served_all_the_same(tmp_path: Path) -> None:
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED) as site:
        another_list(app.sub.router, "/hello")
        assert (await site.get("/sub/hello")).status_code == 404
        assert (await site.get("/hello")).status_code == 200


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


# ------------------------------------------------------------------------------ started, and closed


def parts(app: App) -> list[dict[str, object]]:
    """All that the seal puts something in the place of."""
    routers = [app.app.router, app.inner, app.bare, app.sub.router, app.covered.router]
    routes = [route for router in routers for route in router.routes]
    return [dict(vars(each)) for each in [app.app, app.sub, app.covered, *routers, *routes]]


async def test_closing_leaves_the_application_as_it_was_found(tmp_path: Path) -> None:
    app = App()
    before = parts(app)
    async with guarded(app.app, tmp_path, policies=COVERED):
        assert parts(app) != before
    assert without_versions(parts(app)) == without_versions(before)


def without_versions(found: list[dict[str, object]]) -> list[dict[str, object]]:
    """FastAPI counts how often a router was marked as changed."""
    return [{k: v for k, v in each.items() if k != "_routes_version"} for each in found]


async def test_what_was_added_between_two_starts_is_served(tmp_path: Path) -> None:
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED) as site:
        assert (await site.get("/hello")).status_code == 200
    app.app.get("/between")(allow(public)(late_copy()))
    app.inner.add_api_route("/x", allow(public)(late_copy()))
    async with guarded(app.app, tmp_path, policies=COVERED) as site:
        assert (await site.get("/between")).text == "LATE HANDLER RAN"
        assert ((await site.get("/inner/x")).status_code == 200) is ASKED


async def test_an_application_has_one_guard_at_a_time(tmp_path: Path) -> None:
    app = App()
    async with guarded(app.app, tmp_path, policies=COVERED) as site:
        with pytest.raises(ConfigurationError, match="sealed by another Ringfence"):
            async with guarded(app.app, tmp_path, policies=COVERED):
                pass
        assert (await site.get("/hello")).status_code == 200


async def test_a_start_that_is_refused_seals_nothing(tmp_path: Path) -> None:
    app = App()
    app.app.get("/forgotten")(late)
    with pytest.raises(ConfigurationError, match="/forgotten: no policy"):
        async with guarded(app.app, tmp_path, policies=COVERED):
            pass
    app.app.get("/more")(late)
