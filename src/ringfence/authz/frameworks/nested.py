"""Inclusion by asking: FastAPI from 0.137.

The list of the outer router holds one object that stands for the included router, and each request
asks that router for its routes. For some kinds of route FastAPI builds another one, with the whole
path, from the endpoint. Requests come to the ``handle`` of that second route, so the check is put
around the endpoint. FastAPI keeps what it has built until the router is marked as changed.
"""

import functools
import inspect
from typing import Any, ClassVar, Final, cast

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute

from ringfence.authz.confirm import Confirmed, confirm
from ringfence.core.asgi import Scope

_FRONTENDS: Final = "_low_priority_routes"  # what ``frontend()`` adds
_MARK: Final = "_mark_routes_changed"


class Nested:
    """An included router is a route of its own kind."""

    lists: ClassVar[tuple[str, ...]] = ("routes", _FRONTENDS)
    links: ClassVar[tuple[str, ...]] = ("original_router",)

    @staticmethod
    def fits(router: Router) -> bool:
        """Whether ``router`` has the parts that this adapter is about."""
        return hasattr(router, _MARK) and hasattr(router, _FRONTENDS)

    def included(self, route: BaseRoute, /) -> tuple[str, Router] | None:
        router = getattr(route, "original_router", None)
        if not isinstance(router, Router):
            return None
        context: Any = getattr(route, "include_context")  # noqa: B009  # of FastAPI's own type
        return context.prefix, router

    def unread(self, router: Router, /) -> str:
        return "frontend()" if getattr(router, _FRONTENDS) else ""

    def confirmed_endpoint(self, route: BaseRoute, /) -> object | None:
        if not isinstance(route, Route | WebSocketRoute) or hasattr(route, "get_route_handler"):
            return None
        return _confirmed(route.endpoint, route)

    def refresh(self, router: Router, /) -> None:
        getattr(router, _MARK)()


def _confirmed(endpoint: Any, route: BaseRoute) -> Any:
    """``endpoint``, of its own kind and with its signature, confirming before it runs."""
    if isinstance(endpoint, functools.partial):
        inner = _confirmed(endpoint.func, route)
        return functools.partial(inner, *endpoint.args, **endpoint.keywords)
    if not (inspect.isfunction(endpoint) or inspect.ismethod(endpoint)):
        return Confirmed(endpoint, route)  # a class, or an ASGI application
    if inspect.iscoroutinefunction(endpoint):

        @functools.wraps(endpoint)
        async def confirmed(*args: Any, **kwargs: Any) -> Any:
            confirm(route, _scope((*args, *kwargs.values())))
            return await endpoint(*args, **kwargs)

        return confirmed

    @functools.wraps(endpoint)
    def confirmed_sync(*args: Any, **kwargs: Any) -> Any:
        confirm(route, _scope((*args, *kwargs.values())))
        return endpoint(*args, **kwargs)

    return confirmed_sync


def _scope(arguments: tuple[object, ...]) -> Scope:
    """The ASGI scope of the connection that the framework hands to a function."""
    for argument in arguments:
        if isinstance(argument, HTTPConnection):
            return cast("HTTPConnection", argument).scope
    return {}
