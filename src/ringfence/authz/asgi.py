"""The authorization layer in the pipeline: which route is this, and may they?"""

from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Final

from ringfence.authz.decide import STEP_UP, decide
from ringfence.authz.leftovers import Folder, folder, names_a_leftover
from ringfence.authz.openapi import describe
from ringfence.authz.resources import LISTS, Finder, Found, Plan, plan
from ringfence.authz.seal import Seal
from ringfence.authz.starlette import Routes, Survey
from ringfence.core.asgi import Scope
from ringfence.core.decision import Decision, Requested
from ringfence.core.errors import ConfigurationError, Refused, StoreError
from ringfence.core.exchange import NO_SEAMS, Exchange, Seams
from ringfence.core.ownership import Fields
from ringfence.core.policy import Relation, atoms
from ringfence.core.route import Entry, Match, RouteTable


class Authz:
    """Default deny: a route that is not in the table, or has no policy, is answered as missing."""

    seams: Seams = NO_SEAMS

    def __init__(
        self,
        routes: Routes,
        own: Iterable[Entry],
        finders: Mapping[type, Finder],
        fields: Iterable[Fields] = (),
        *,
        production: bool = False,
    ) -> None:
        self._routes = routes
        self._own: Final = tuple(own)
        self._production: Final = production
        self._finders: Final = dict(finders)
        self._fields: Final = tuple(fields)
        self._plans: dict[Entry, Plan] = {}
        self._folders: dict[Entry, Folder] = {}  # by what serves a folder, where its names begin
        self._table: RouteTable | None = None  # until it is built, everything is denied
        self._seal: Seal | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The present table, Ringfence's own routes first."""
        return self._table.entries if self._table else ()

    def start(self) -> None:
        """Compile the table, and hold the application to the routes that it was read from.

        Raises:
            ConfigurationError: Every problem of the routes, or what cannot be sealed.
        """
        survey = self.build()
        if survey.problems:
            raise ConfigurationError(*survey.problems)
        self._seal = Seal(survey.tree)
        describe(self.entries, self._fields)

    def close(self) -> None:
        """Let go of the application: its routes may change again."""
        if self._seal is not None:
            self._seal.thaw()
            self._seal = None

    def build(self) -> Survey:
        """Read the application's routes and compile the table.

        Returns:
            What was read, with **every** problem found. A route with a problem is in the table
            and open to nobody.
        """
        survey = self._routes.read()
        if self._production and any(app.debug for app in survey.tree.applications):
            survey.problems.append("debug=True: errors would be shown with their source")
        plans: dict[Entry, Plan] = {}
        entries = [*self._own, *survey.entries]
        for entry in entries:
            try:
                if entry.policy is not None:
                    plans[entry] = plan(entry.policy, entry, self._finders)
            except ConfigurationError as error:
                survey.problems.extend(error.problems)
        try:
            self._table = RouteTable(entries)
        except ConfigurationError as error:
            self._table = None
            survey.problems.extend(error.problems)
        self._plans = plans
        folders = {entry: folder(entry) for entry in entries if entry not in survey.whole}
        self._folders = {entry: found for entry, found in folders.items() if found is not None}
        return survey

    def route(self, exchange: Exchange) -> None:
        """Find the entry for this request.

        Raises:
            Refused: ``route.unknown``; ``route.leftover`` for a backup or hidden file of a folder;
                ``route.unsealed`` if the way to it has changed; ``service.starting`` until the
                table is built.
        """
        if self._table is None:
            raise Refused("service.starting")
        scope = exchange.scope
        if self._routes.root:  # as the application itself is about to do
            scope["root_path"] = self._routes.root
        path = _path(scope)
        websocket = scope["type"] == "websocket"
        exchange.match = match = self._table.find(
            "websocket" if websocket else "http",
            "GET" if websocket else scope["method"],
            path,
        )
        exchange.entry = entry = match.entry
        if entry is None:
            if not match.others:
                raise Refused("route.unknown", facts={"path": path})
        elif entry not in self._plans:
            raise Refused("route.unknown" if entry.handler is None else "policy.missing")
        elif (within := self._folders.get(entry)) and names_a_leftover(
            path, within, match.parameters
        ):
            raise Refused("route.leftover", facts={"path": path})
        elif self._seal is not None:
            self._seal.examine(entry)

    def authorize(self, exchange: Exchange) -> Awaitable[None] | None:
        """Judge the request; returns something to wait for only where a resource is loaded.

        Raises:
            Refused: The reason of the decision, ``method.unknown`` or ``method.foreign``.
        """
        entry = exchange.entry
        if entry is None:
            return self._other_methods(exchange)
        chosen = self._plans.get(entry)
        if chosen is None:  # the routes were read again since route()
            raise Refused("policy.missing")
        if chosen.lists:
            exchange.state[LISTS] = chosen.lists
        if chosen.finder is not None:
            return self._load_and_judge(exchange, chosen)
        exchange.resource = Requested(parameters=exchange.match.parameters)
        decision = decide(chosen.policy, exchange.principal, exchange.resource, exchange.now)
        if not decision.allowed:
            raise Refused(decision.code)
        return None

    async def explain(self, exchange: Exchange) -> dict[str, Any]:
        """How this request is decided: the route, each part of its policy, and the outcome."""
        try:
            self.route(exchange)
            wait = self.authorize(exchange)
            if wait is not None:
                await wait
            outcome = "policy.allowed"
        except Refused as refused:
            outcome = refused.code.name
        entry = exchange.entry
        chosen = self._plans.get(entry) if entry is not None else None
        if entry is None or chosen is None:
            return {"route": "none", "outcome": outcome}
        _, resource = await _judge(exchange, chosen, exchange.match)
        parts = {
            repr(atom): decide(atom, exchange.principal, resource, exchange.now).code
            for atom in atoms(chosen.policy)
        }
        return {
            "route": f"{exchange.scope['method']} {entry.pattern}",
            "handler": entry.name,
            "policy": repr(entry.policy),
            "parts": parts,
            "outcome": outcome,
        }

    async def _load_and_judge(self, exchange: Exchange, chosen: Plan) -> None:
        decision, exchange.resource = await _judge(exchange, chosen, exchange.match)
        if not decision.allowed:
            named = exchange.match.parameters
            raise Refused(decision.code, facts={name: named[name] for name in chosen.key})
        if exchange.resource.value is None:  # whoever asks: the handler gets an object, never None
            raise Refused("resource.missing")

    async def _other_methods(self, exchange: Exchange) -> None:
        """405 with ``Allow`` for a caller who may use one of the path's methods, else 404."""
        allowed: set[str] = set()
        for match in exchange.match.others:
            chosen = self._plans.get(match.entry) if match.entry else None
            if chosen is not None and match.entry is not None:
                decision, _ = await _judge(exchange, chosen, match)
                if decision.allowed:
                    allowed |= match.entry.methods
        if allowed:
            raise Refused("method.unknown", allow=sorted(allowed))
        raise Refused("method.foreign")


async def _judge(exchange: Exchange, chosen: Plan, match: Match) -> tuple[Decision, Requested]:
    """Find what the plan names, once, and decide.

    What is asked for is the row **of this caller**, as far as the policy needs it to be theirs. So
    one of somebody else and one that does not exist are the same to the database and to the clock.
    If no row could change the decision, none is looked for.
    """
    parameters, principal = match.parameters, exchange.principal
    nothing = Requested(parameters)
    if chosen.finder is None:
        return decide(chosen.policy, principal, nothing, exchange.now), nothing
    decision, relations = _needed(exchange, chosen, parameters)
    if not relations:
        return decision, nothing
    key = tuple(parameters[name] for name in chosen.key)
    subject = principal.subject if principal is not None else None
    found = await search(chosen.finder, key, subject, relations)
    if found is None:
        return (decision if relations[0] is Relation.STRANGER else _MISSING), nothing
    resource = Requested(parameters, *found)
    return decide(chosen.policy, principal, resource, exchange.now), resource


def _needed(
    exchange: Exchange, chosen: Plan, parameters: Mapping[str, str]
) -> tuple[Decision, tuple[Relation, ...]]:
    """The weakest relation with which the policy would let the caller in, and those above it.

    ``STRANGER`` where the resource may be anybody's, as for a role; none where nothing helps. A
    sign-in that is too weak counts as let in: to the owner, and to nobody else, that is said.
    """
    relations = (Relation.STRANGER, *chosen.relations)
    while True:
        supposed = Requested(parameters, _SOMETHING, relations[0])
        decision = decide(chosen.policy, exchange.principal, supposed, exchange.now)
        if decision.allowed or decision.code in STEP_UP:
            return decision, relations
        relations = relations[1:]
        if not relations:
            return decision, relations


def _path(scope: Scope) -> str:
    """The path below the prefix under which the application is, as the framework reads it."""
    root: str = scope.get("root_path", "")
    path: str = scope["path"]
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest if rest[:1] in {"", "/"} else path


async def search(
    finder: Finder, key: tuple[str, ...], subject: str | None, relations: tuple[Relation, ...]
) -> Found | None:
    """As ``finder.find``. Raises StoreError if its database does not answer."""
    try:
        return await finder.find(key, subject, relations)
    except (Refused, StoreError):
        raise
    except OSError as error:
        raise StoreError("application", type(error).__name__) from error


_SOMETHING: Final = object()
_MISSING: Final = Decision(allowed=False, code="resource.missing")
