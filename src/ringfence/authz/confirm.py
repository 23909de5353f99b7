"""The check that every handler makes before it runs.

A handler runs only for the entry that was decided upon, however the framework found the handler. A
request that gets past the seal of the route lists is refused here (ATTACKS Z04).
"""

from collections.abc import Callable
from typing import Final

from starlette.routing import BaseRoute

from ringfence.core.asgi import ASGIApp, Receive, Scope, Send
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import current
from ringfence.core.seam import Seam


def confirm(route: BaseRoute) -> None:
    """Refuse unless ``route`` may handle the current request.

    Raises:
        Refused: ``route.unsealed``.
    """
    CONFIRMATION.current()(route)


def _confirm(route: BaseRoute) -> None:
    """Refuse unless ``route`` is what the pipeline decided upon for the current request."""
    exchange = current.get()
    entry = exchange.entry if exchange is not None else None
    if entry is None or not (
        entry.handler is route or any(mount is route for mount in entry.through)
    ):
        raise Refused("route.unsealed")


#: Who judges whether a route may handle the current request. Raises ``route.unsealed``.
CONFIRMATION: Final = Seam[Callable[[BaseRoute], None]](Layer.AUTHZ, _confirm)


class Confirmed:
    """An ASGI application that runs only for the route it stands for."""

    __slots__ = ("_route", "app")

    def __init__(self, app: ASGIApp, route: BaseRoute) -> None:
        self.app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        confirm(self._route)
        await self.app(scope, receive, send)
