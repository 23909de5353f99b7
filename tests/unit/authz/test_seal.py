"""Sealed lists of routes, what is put in place and taken away again, and what cannot be sealed."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route, Router

from ringfence.authz.seal import Seal, SealedRoutes
from ringfence.authz.starlette import Routes
from ringfence.core.errors import ConfigurationError, Refused, RoutesSealed
from ringfence.core.policy import allow, public
from ringfence.core.route import Entry


@allow(public)
async def handler(request: Any) -> PlainTextResponse:
    return PlainTextResponse("")


def sealed(app: Any) -> tuple[Seal, dict[str, Entry]]:
    """The seal of an application, and its entries by their pattern."""
    survey = Routes(app, {}).read()
    return Seal(survey.tree), {entry.pattern: entry for entry in survey.entries}


CHANGES: dict[str, Callable[[Any, BaseRoute], object]] = {
    "append": lambda routes, route: routes.append(route),
    "insert": lambda routes, route: routes.insert(0, route),
    "extend": lambda routes, route: routes.extend([route]),
    "iadd": lambda routes, route: routes.__iadd__([route]),
    "imul": lambda routes, route: routes.__imul__(2),
    "setitem": lambda routes, route: routes.__setitem__(0, route),
    "slice": lambda routes, route: routes.__setitem__(slice(0, 0), [route]),
    "delitem": lambda routes, route: routes.__delitem__(0),
    "remove": lambda routes, route: routes.remove(routes[0]),
    "pop": lambda routes, route: routes.pop(),
    "clear": lambda routes, route: routes.clear(),
    "sort": lambda routes, route: routes.sort(key=id),
    "reverse": lambda routes, route: routes.reverse(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_way_to_change_a_sealed_list_is_an_error_and_changes_nothing(change: str) -> None:
    app = Starlette(routes=[Route("/a", handler), Route("/b", handler)])
    sealed(app)
    before = [*app.routes]
    with pytest.raises(RoutesSealed):
        CHANGES[change](app.routes, Route("/c", handler))
    assert [*app.routes] == before


def test_no_method_of_list_that_changes_it_is_forgotten() -> None:
    """What a list has and a tuple has not; but for what builds, copies and measures one."""
    harmless = {"__init__", "__reversed__", "__sizeof__"}
    assert set(vars(list)) - set(vars(tuple)) - harmless <= set(vars(SealedRoutes))


def test_a_sealed_list_is_read_like_a_list() -> None:
    route = Route("/a", handler)
    app = Starlette(routes=[route])
    sealed(app)
    assert (app.routes[0], len(app.routes), route in app.routes) == (route, 1, True)
    copy = app.routes.copy()
    copy.append(Route("/b", handler))
    assert len(copy) == 2


def test_thawed_the_router_has_its_own_list_again() -> None:
    app = Starlette(routes=[Route("/a", handler)])
    before = app.router.routes
    seal, _ = sealed(app)
    assert app.router.routes is not before
    seal.thaw()
    assert app.router.routes is before
    assert "handle" not in vars(before[0])


def test_what_somebody_has_put_there_since_is_theirs() -> None:
    app = Starlette(routes=[Route("/a", handler)])
    seal, _ = sealed(app)
    later: list[BaseRoute] = [Route("/b", handler)]
    app.router.routes = later
    seal.thaw()
    assert app.router.routes is later


def test_the_way_to_an_entry_leads_through_what_could_take_its_path() -> None:
    """A router that is asked before, and cannot take the path, is not on the way."""
    app, near, far = FastAPI(openapi_url=None), APIRouter(), APIRouter()
    for router in (near, far):
        router.add_api_route("/x", handler)
    app.include_router(near, prefix="/{any}")
    app.include_router(far, prefix="/far")
    app.add_api_route("/a/{b}", handler)
    seal, entries = sealed(app)
    far.routes = []
    seal.examine(entries["/a/{b}"])
    app.router.routes = []
    with pytest.raises(Refused, match="route.unsealed") as refused:
        seal.examine(entries["/a/{b}"])
    assert refused.value.facts == {"changed": "APIRouter.routes"}


def test_a_router_that_is_there_twice_is_sealed_once() -> None:
    router = Router(routes=[Route("/x", handler)])
    app = Starlette(routes=[Mount("/a", router), Mount("/b", router)])
    seal, entries = sealed(app)
    assert {"/a/x", "/b/x"} <= entries.keys()
    seal.thaw()
    assert isinstance(router.routes, list)


class Computed(Router):
    """A router whose list is made anew each time."""

    routes: Any = property(lambda self: [Route("/x", handler)], lambda self, value: None)


def test_what_cannot_be_sealed_stops_the_start_and_leaves_the_rest_as_it_was() -> None:
    app = Starlette(routes=[Route("/a", handler), Mount("/computed", Computed())])
    before = app.router.routes
    with pytest.raises(ConfigurationError, match=r"Computed\.routes cannot be sealed"):
        sealed(app)
    assert app.router.routes is before
