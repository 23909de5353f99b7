"""Sealed route lists, and the check that every handler makes before it runs.

A sealed list says when it changes, and a sealed router when its list is replaced, so that the route
table is never older than the router; both hang the check on a newcomer before it can be reached.
The check: a handler runs only for the entry that was decided upon, however the router came to it
(ATTACKS Z04).
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final, Self, SupportsIndex

from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute

from ringfence.core.asgi import ASGIApp, Receive, Scope, Send
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import current

#: Marks a route whose handler confirms already.
_CONFIRMED: Final = "__ringfence_confirmed__"

#: Ways to handle a request that come to the handlers which the check is hung on.
_UNDERSTOOD: Final = frozenset({Route.handle, WebSocketRoute.handle, Mount.handle})

#: Where a sealed router, or application, keeps whom it tells of changes.
_CHANGED: Final = "__ringfence_changed__"

#: Where routers keep lists of routes: FastAPI's second one holds what ``frontend()`` adds.
FRONTENDS: Final = "_low_priority_routes"
_LISTS: Final = ("routes", FRONTENDS)


class SealedRoutes(list[BaseRoute]):
    """A router's list of routes that reports every change before it can be dispatched to."""

    def __init__(self, routes: Iterable[BaseRoute], changed: Callable[[], None]) -> None:
        super().__init__(routes)
        self._changed = changed
        for route in self:
            confirm_handler(route)

    def append(self, route: BaseRoute, /) -> None:
        super().append(_announced(route, self._changed))

    def insert(self, index: SupportsIndex, route: BaseRoute, /) -> None:
        super().insert(index, _announced(route, self._changed))

    def extend(self, routes: Iterable[BaseRoute], /) -> None:
        super().extend([_announced(route, self._changed) for route in routes])

    def __iadd__(self, routes: Iterable[BaseRoute], /) -> Self:
        self.extend(routes)
        return self

    def __setitem__(self, index: Any, value: Any, /) -> None:
        many = isinstance(index, slice)
        for route in value if many else (value,):
            _announced(route, self._changed)
        super().__setitem__(index, value)

    def __delitem__(self, index: SupportsIndex | slice, /) -> None:
        self._changed()
        super().__delitem__(index)

    def remove(self, route: BaseRoute, /) -> None:
        self._changed()
        super().remove(route)

    def pop(self, index: SupportsIndex = -1, /) -> BaseRoute:
        self._changed()
        return super().pop(index)

    def clear(self) -> None:
        self._changed()
        super().clear()

    def sort(self, **order: Any) -> None:
        self._changed()
        super().sort(**order)

    def reverse(self) -> None:
        self._changed()
        super().reverse()


def seal(router: Router, changed: Callable[[], None]) -> None:
    """Seal the lists of ``router``; ``changed`` is told of every change from here on."""
    watch(router, changed)
    for name in _LISTS:
        routes = getattr(router, name, None)
        if routes is not None and not isinstance(routes, SealedRoutes):
            setattr(router, name, routes)  # which seals it, see below
    if mark := getattr(router, "_mark_routes_changed", None):
        mark()  # what FastAPI had built of the handlers is built again, confirming


def watch(owner: object, changed: Callable[[], None]) -> None:
    """Tell ``changed`` when another router, or list of routes, takes the place of ``owner``'s.

    Args:
        owner: An application or a router.
        changed: Told of every change from here on.
    """
    if not hasattr(owner, _CHANGED):
        owner.__class__ = _sealed(type(owner))
    setattr(owner, _CHANGED, changed)


@functools.cache
def _sealed(kind: type[object]) -> type[object]:
    """``kind``, but that what is put in place of its router or list of routes is sealed as well.

    Asking every router on every request whether it still has its list would cost more, the more
    routers there are.
    """

    def set_attribute(self: object, name: str, value: Any) -> None:
        changed: Any = vars(self).get(_CHANGED)
        if name in _LISTS:
            value = SealedRoutes(value, changed)
            changed()
        elif name == "router":
            seal(value, changed)
            changed()
        kind.__setattr__(self, name, value)

    names = {"__setattr__": set_attribute, "__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), names)


def confirm_handler(route: BaseRoute) -> None:
    """Hang the check on the handler of ``route``, once, wherever the framework may call it."""
    if getattr(route, _CONFIRMED, False):
        return
    target: Any = route
    if isinstance(route, Route | WebSocketRoute | Mount):
        target.app = Confirmed(route.app, route)
    if hasattr(route, "get_route_handler"):  # FastAPI builds its handlers anew for each inclusion
        target.get_route_handler = _confirmed_factory(target.get_route_handler, route)
    elif isinstance(route, Route | WebSocketRoute):  # and these from the endpoint
        target.endpoint = _confirmed_endpoint(route.endpoint, route)
    if type(route).handle not in _UNDERSTOOD and not hasattr(route, "original_router"):
        target.handle = Confirmed(route.handle, route)  # of a kind of its own: Host, and others
    setattr(route, _CONFIRMED, True)


def confirm(route: BaseRoute) -> None:
    """Refuse unless ``route`` is what the pipeline decided upon for the current request."""
    exchange = current.get()
    if exchange is None:
        raise Refused("route.unsealed")
    if Layer.AUTHZ in exchange.off:
        return
    entry = exchange.entry
    if entry is None or not (
        entry.handler is route or any(mount is route for mount in entry.through)
    ):
        raise Refused("route.unsealed")


class Confirmed:
    """An ASGI application that runs only for the route it stands for."""

    __slots__ = ("_route", "app")

    def __init__(self, app: ASGIApp, route: BaseRoute) -> None:
        self.app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        confirm(self._route)
        await self.app(scope, receive, send)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)


def _confirmed_factory(factory: Callable[[], Any], route: BaseRoute) -> Callable[[], Any]:
    def build() -> Any:
        handler = factory()

        async def confirmed(request: Any) -> Any:
            confirm(route)
            return await handler(request)

        return confirmed

    return build


def _confirmed_endpoint(endpoint: Any, route: BaseRoute) -> Any:
    if isinstance(endpoint, functools.partial):
        inner = _confirmed_endpoint(endpoint.func, route)
        return functools.partial(inner, *endpoint.args, **endpoint.keywords)
    if not (inspect.isfunction(endpoint) or inspect.ismethod(endpoint)):
        return Confirmed(endpoint, route)
    if inspect.iscoroutinefunction(endpoint):

        @functools.wraps(endpoint)
        async def confirmed(*args: Any, **kwargs: Any) -> Any:
            confirm(route)
            return await endpoint(*args, **kwargs)

        return confirmed

    @functools.wraps(endpoint)
    def confirmed_sync(*args: Any, **kwargs: Any) -> Any:
        confirm(route)
        return endpoint(*args, **kwargs)

    return confirmed_sync


def _announced(route: BaseRoute, changed: Callable[[], None]) -> BaseRoute:
    """Hang the check on a newcomer, and mark the table stale, before it is in the list."""
    confirm_handler(route)
    changed()
    return route
