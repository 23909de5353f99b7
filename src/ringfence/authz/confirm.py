"""The check that every handler makes before it runs.

A handler runs only for the entry that was decided upon, and with the values that were judged,
however the framework found the handler. A request that gets past the seal of the route lists is
refused here (ATTACKS Z04), and so is one whose path a middleware changed after the judgement.
"""

from collections.abc import Callable
from typing import Final

from starlette.routing import BaseRoute

from ringfence.core.asgi import ASGIApp, Receive, Scope, Send
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import current
from ringfence.core.route import converted
from ringfence.core.seam import Seam


def confirm(route: BaseRoute, scope: Scope) -> None:
    """Refuse unless ``route`` may handle the current request with what ``scope`` says.

    Raises:
        Refused: ``route.unsealed``.
    """
    CONFIRMATION.current()(route, scope)


def _confirm(route: BaseRoute, scope: Scope) -> None:
    """Refuse unless ``route`` is what was decided upon, and its values are those judged."""
    exchange = current.get()
    entry = exchange.entry if exchange is not None else None
    if exchange is None or entry is None:
        raise Refused("route.unsealed")
    if entry.handler is not route:
        if any(mount is route for mount in entry.through):
            return  # on the way: the handler itself is still to come
        raise Refused("route.unsealed")
    judged = exchange.match.parameters
    if judged:
        given = scope.get("path_params", {})
        for name, value in converted(entry.pattern, judged):
            if name not in given or given[name] != value:
                raise Refused("route.unsealed", facts={"changed": name})


#: Who judges whether a route may handle the current request. Raises ``route.unsealed``.
CONFIRMATION: Final = Seam[Callable[[BaseRoute, Scope], None]](Layer.AUTHZ, _confirm)


class Confirmed:
    """An ASGI application that runs only for the route it stands for."""

    __slots__ = ("_route", "app")

    def __init__(self, app: ASGIApp, route: BaseRoute) -> None:
        self.app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        confirm(self._route, scope)
        await self.app(scope, receive, send)
