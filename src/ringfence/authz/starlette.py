"""The routes of a Starlette or FastAPI application, as entries of the route table.

They are read in the router's own order, through included routers and sub-applications at any
depth, and every list of them is sealed on the way. A route of a kind that is not understood is a
problem that stops the start (ATTACKS Z04).
"""

import functools
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute

from ringfence.authz.seal import FRONTENDS, Confirmed, seal, watch
from ringfence.core.asgi import ASGIApp
from ringfence.core.policy import RESOURCE_ATTRIBUTE, Owner, Policy, atoms, declared
from ringfence.core.route import Entry, Kind


@dataclass(slots=True)
class Survey:
    """What reading an application gave."""

    entries: list[Entry] = field(default_factory=list[Entry])
    problems: list[str] = field(default_factory=list[str])


class _Place(NamedTuple):
    """Where in the tree of applications a route is."""

    prefix: str = ""
    through: tuple[Mount, ...] = ()


class Routes:
    """The routes of one application, as a table of entries that stays true."""

    def __init__(self, app: ASGIApp, policies: Mapping[str, Policy]) -> None:
        self._app = app
        self._policies = dict(policies)
        self._used: dict[str, set[Kind]] = {}  # by which kinds of route
        self.stale = True  # whether a list of routes changed since the last ``read``

    def read(self) -> Survey:
        """Read all routes, and seal every list of them that is not sealed yet."""
        self._used.clear()
        survey = Survey()
        router = self._router_of(self._app)
        if router is None:
            survey.entries.extend(self._declared_alone())
        else:
            self._router(router, _Place(), survey)
        self.stale = False
        for pattern in sorted(set(self._policies) - set(self._used)):
            survey.problems.append(f"{pattern}: a policy for a route that does not exist")
        self._close_ambiguous(survey)
        return survey

    def _router_of(self, app: object) -> Router | None:
        """As ``_router``; that the application keeps it is watched from here on."""
        if isinstance(app, Starlette):
            watch(app, self._mark_stale)
        return _router(app)

    def _close_ambiguous(self, survey: Survey) -> None:
        """A policy that was meant for one path does not open all that is mounted there."""
        for pattern, kinds in self._used.items():
            if "mount" in kinds and len(kinds) > 1:
                survey.problems.append(
                    f"{pattern}: one policy for a route and a mount; declare the route's on its"
                    " handler"
                )
                for index, entry in enumerate(survey.entries):
                    if entry.policy is self._policies[pattern] and entry.pattern in (
                        pattern,
                        pattern.rstrip("/"),
                    ):
                        survey.entries[index] = replace(entry, policy=None)

    def _declared_alone(self) -> Iterator[Entry]:
        """An application of another kind has the routes that ``policies`` names."""
        for pattern, policy in self._policies.items():
            self._used[pattern] = {"http"}
            methods, _, path = pattern.rpartition(" ")
            yield Entry(
                pattern=path,
                methods=frozenset(methods.replace(",", " ").split()),
                policy=policy,
                handler=self._app,
            )

    def _router(self, router: Router, place: _Place, survey: Survey) -> None:
        seal(router, self._mark_stale)
        if getattr(router, FRONTENDS, None):
            survey.problems.append(
                f"{place.prefix}/: frontend() is not understood, mount its files"
            )
        for route in router.routes:
            self._route(route, place, survey)

    def _mark_stale(self) -> None:
        self.stale = True

    def _route(self, route: BaseRoute, place: _Place, survey: Survey) -> None:
        included = getattr(route, "original_router", None)
        if isinstance(included, Router):
            context: Any = route
            prefix = place.prefix + context.include_context.prefix
            self._router(included, place._replace(prefix=prefix), survey)
        elif isinstance(route, Mount):
            self._mount(route, place, survey)
        elif isinstance(route, Route):
            methods = frozenset(route.methods or ())
            self._entry(route, place, "http", methods, survey)
        elif isinstance(route, WebSocketRoute):
            self._entry(route, place, "websocket", frozenset(), survey)
        else:
            survey.problems.append(f"{place.prefix}: {type(route).__name__} is not understood")

    def _entry(
        self,
        route: Route | WebSocketRoute,
        place: _Place,
        kind: Kind,
        methods: frozenset[str],
        survey: Survey,
    ) -> None:
        pattern = place.prefix + route.path
        endpoint = _innermost(route.endpoint)
        policy = self._policy(pattern, kind, declared(endpoint), survey)
        if unread := _policies_of_methods(endpoint):
            survey.problems.append(
                f"{pattern}: a policy of {_name(endpoint)} is declared on its {unread}; declare one"
                " on the class, or give each its own handler"
            )
            policy = None
        elif policy is None:
            verbs = ", ".join(sorted(methods)) or kind.upper()
            survey.problems.append(f"{verbs} {pattern}: no policy ({_name(route.endpoint)})")
        elif _takes_resource(getattr(route, "dependant", None)) and not _names_owner(policy):
            survey.problems.append(f"{pattern}: Owned[…] needs owner(…) in the policy, {policy!r}")
        survey.entries.append(
            Entry(
                pattern=pattern,
                methods=methods,
                policy=policy,
                kind=kind,
                name=_name(route.endpoint),
                handler=route,
                through=place.through,
            )
        )

    def _mount(self, mount: Mount, place: _Place, survey: Survey) -> None:
        pattern = place.prefix + mount.path
        policy = self._policy(pattern or "/", "mount", None, survey)
        mounted: object = getattr(mount, "_base_app")  # noqa: B009  # what its middleware wraps
        inner = self._router_of(mounted)
        handler: object = mount
        if policy is None and inner is not None:
            self._router(inner, _Place(pattern, (*place.through, mount)), survey)
            handler = None  # beyond its routes a sub-application has nothing
        elif inner is not None and _declares(inner):
            survey.problems.append(f"{pattern}/…: two policies, of the mount and of what is in it")
            policy = None
        elif policy is None:
            survey.problems.append(f"{pattern}/…: no policy (a mount of {_name(mount.app)})")
        survey.entries.append(
            Entry(
                pattern=pattern,
                policy=policy,
                kind="mount",
                name=_name(mount.app),
                handler=handler,
                through=place.through,
            )
        )

    def _policy(
        self, pattern: str, kind: Kind, own: Policy | None, survey: Survey
    ) -> Policy | None:
        """The policy of the handler, or the one that ``policies`` names; never both."""
        named = self._policies.get(pattern)
        if named is not None:
            self._used.setdefault(pattern, set()).add(kind)
            if own is not None:
                survey.problems.append(f"{pattern}: two policies, on the handler and in policies")
        return named or own


def _router(app: object) -> Router | None:
    """The router of an application, if it is of a kind that we read."""
    if isinstance(app, Router):
        return app
    return app.router if isinstance(app, Starlette) else None


def _declares(router: Router) -> bool:
    """Whether a handler anywhere below ``router`` has a policy of its own."""
    for route in router.routes:
        below = getattr(route, "original_router", None) or _router(getattr(route, "_base_app", 0))
        if isinstance(below, Router):
            if _declares(below):
                return True
        elif declared(_innermost(getattr(route, "endpoint", None))) is not None:
            return True
    return False


def _policies_of_methods(endpoint: object) -> str:
    """The methods of a class-based endpoint that have policies, which nothing would ask about."""
    if not isinstance(endpoint, type):
        return ""
    named = ((name, getattr(endpoint, name, None)) for name in dir(endpoint))
    return ", ".join(
        name for name, method in named if inspect.isfunction(method) and declared(method)
    )


def _takes_resource(dependant: Any) -> bool:
    """Whether a handler of FastAPI's, or what it depends on, takes what ``owner()`` loads."""
    return any(
        getattr(each.call, RESOURCE_ATTRIBUTE, False) or _takes_resource(each)
        for each in getattr(dependant, "dependencies", ())
    )


def _names_owner(policy: Policy) -> bool:
    return any(isinstance(atom, Owner) for atom in atoms(policy))


def _innermost(endpoint: Any) -> Any:
    while isinstance(endpoint, functools.partial | Confirmed):
        endpoint = endpoint.func if isinstance(endpoint, functools.partial) else endpoint.app
    return endpoint


def _name(endpoint: Any) -> str:
    endpoint = _innermost(endpoint)
    if not hasattr(endpoint, "__qualname__"):
        endpoint = endpoint.__class__
    return f"{endpoint.__module__}.{endpoint.__qualname__}"
