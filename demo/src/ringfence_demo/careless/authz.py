"""Careless: what a path leads to is served, to whoever asks."""

from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final

from starlette.routing import BaseRoute

from ringfence.authz import confirm
from ringfence.authz.asgi import search
from ringfence.authz.resources import LISTS, Plan, plan
from ringfence.authz.starlette import Survey
from ringfence.core.asgi import Scope
from ringfence.core.codes import Layer
from ringfence.core.decision import Requested
from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.exchange import Exchange, Seams
from ringfence.core.policy import Relation
from ringfence.core.route import Entry
from ringfence.service import sessions
from ringfence.stack import protocols
from ringfence.stack.layers import Parts
from ringfence.storage.application.engines import ENGINE, Engines


class CarelessAuthz:
    """Finds the route and loads the object, and judges neither."""

    def __init__(self, parts: Parts) -> None:
        self.seams: Seams = SEAMS
        self._guarded: protocols.Authz = parts.guarded[Layer.AUTHZ](parts)
        self._finders = parts.finders

    def start(self) -> None:
        """Read the routes; they may change as they like."""
        problems = self._guarded.build().problems
        if problems:
            raise ConfigurationError(*problems)

    def close(self) -> None:
        """As ``start``."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The route table."""
        return self._guarded.entries

    def build(self) -> Survey:
        """Read the routes, as the guarded layer does."""
        return self._guarded.build()

    def route(self, exchange: Exchange) -> None:
        """Find the route; that there is none, or no policy, is the framework's affair."""
        with suppress(Refused):
            self._guarded.route(exchange)

    def authorize(self, exchange: Exchange) -> Awaitable[None] | None:
        """Load what the route's policy names."""
        entry = exchange.entry
        if entry is None or entry.policy is None:
            return None
        chosen = plan(entry.policy, entry, self._finders)
        exchange.state[LISTS] = chosen.lists
        if chosen.finder is None:
            exchange.resource = Requested(parameters=exchange.match.parameters)
            return None
        return _load(exchange, chosen)

    async def explain(self, exchange: Exchange) -> dict[str, Any]:
        """How the guarded layer would decide it."""
        return await self._guarded.explain(exchange)


async def _load(exchange: Exchange, chosen: Plan) -> None:
    """Load the object, for whoever asks: the handler gets one, or there is none."""
    if chosen.finder is None:
        return
    parameters = exchange.match.parameters
    key = tuple(parameters[name] for name in chosen.key)
    found = await search(chosen.finder, key, None, (Relation.STRANGER,))
    if found is None:
        raise Refused("resource.missing")
    exchange.resource = Requested(parameters, *found)


def _any_route(_route: BaseRoute, _scope: Scope) -> None:
    """Whatever the framework dispatches to may run (ATTACKS Z04)."""


def _anybodys(_session: object, _principal: object) -> None:
    """Anybody may end any session (ATTACKS Z02)."""


def _plain(engines: Engines[Any], _relation: Relation) -> Any:  # noqa: ANN401  # one of the two
    """Every session sees every row (ATTACKS Z01, Z02)."""
    return engines.plain


#: What this layer puts in the place of guarded implementations.
SEAMS: Final[Seams] = {
    confirm.CONFIRMATION: _any_route,
    sessions.OWNERSHIP: _anybodys,
    ENGINE: _plain,
}
