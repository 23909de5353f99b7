"""The routes of a Starlette or FastAPI application, as entries of the route table.

They are read in the router's own order, through included routers and sub-applications at any
depth, and every list of them is sealed on the way. A route of a kind that is not understood is a
problem that stops the start (ATTACKS Z04).
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute

from ringfence.authz.seal import FRONTENDS, ASGIApp, Confirmed, seal
from ringfence.core.policy import Policy, declared
from ringfence.core.route import Entry, Kind


@dataclass(slots=True)
class Survey:
    """What reading an application gave."""

    entries: list[Entry] = field(default_factory=list[Entry])
    problems: list[str] = field(default_factory=list[str])


class Routes:
    """The routes of one application, as a table of entries that stays true."""

    def __init__(self, app: ASGIApp, policies: Mapping[str, Policy]) -> None:
        self._app = app
        self._policies = dict(policies)
        self._used: set[str] = set()
        self.stale = True  # whether a list of routes changed since the last ``read``

    def read(self) -> Survey:
        """Read all routes, and seal every list of them that is not sealed yet."""
        self._used.clear()
        survey = Survey()
        router = _router(self._app)
        if router is None:
            survey.entries.extend(self._declared_alone())
        else:
            self._router(router, "", survey)
        self.stale = False
        for pattern in sorted(set(self._policies) - self._used):
            survey.problems.append(f"{pattern}: a policy for a route that does not exist")
        return survey

    def _declared_alone(self) -> Iterator[Entry]:
        """An application of another kind has the routes that ``policies`` names."""
        for pattern, policy in self._policies.items():
            self._used.add(pattern)
            methods, _, path = pattern.rpartition(" ")
            yield Entry(
                pattern=path,
                methods=frozenset(methods.replace(",", " ").split()),
                policy=policy,
                handler=self._app,
            )

    def _router(self, router: Router, prefix: str, survey: Survey) -> None:
        seal(router, self._mark_stale)
        if getattr(router, FRONTENDS, None):
            survey.problems.append(f"{prefix}/: frontend() is not understood, mount its files")
        for route in router.routes:
            self._route(route, prefix, survey)

    def _mark_stale(self) -> None:
        self.stale = True

    def _route(self, route: BaseRoute, prefix: str, survey: Survey) -> None:
        included = getattr(route, "original_router", None)
        if isinstance(included, Router):
            context: Any = route
            self._router(included, prefix + context.include_context.prefix, survey)
        elif isinstance(route, Mount):
            self._mount(route, prefix, survey)
        elif isinstance(route, Route):
            methods = frozenset(route.methods or ())
            self._entry(route, prefix, "http", methods, survey)
        elif isinstance(route, WebSocketRoute):
            self._entry(route, prefix, "websocket", frozenset(), survey)
        else:
            survey.problems.append(f"{prefix}: {type(route).__name__} is not understood")

    def _entry(
        self,
        route: Route | WebSocketRoute,
        prefix: str,
        kind: Kind,
        methods: frozenset[str],
        survey: Survey,
    ) -> None:
        pattern = prefix + route.path
        policy = self._policy(pattern, declared(_innermost(route.endpoint)), survey)
        if policy is None:
            verbs = ", ".join(sorted(methods)) or kind.upper()
            survey.problems.append(f"{verbs} {pattern}: no policy ({_name(route.endpoint)})")
        survey.entries.append(
            Entry(
                pattern=pattern,
                methods=methods,
                policy=policy,
                kind=kind,
                name=_name(route.endpoint),
                handler=route,
            )
        )

    def _mount(self, mount: Mount, prefix: str, survey: Survey) -> None:
        pattern = prefix + mount.path
        policy = self._policy(pattern or "/", None, survey)
        mounted: object = getattr(mount, "_base_app")  # noqa: B009  # what its middleware wraps
        inner = _router(mounted)
        handler: object = mount
        if policy is None and inner is not None:
            self._router(inner, pattern, survey)
            handler = None  # beyond its routes a sub-application has nothing
        elif policy is None:
            survey.problems.append(f"{pattern}/…: no policy (a mount of {_name(mount.app)})")
        survey.entries.append(
            Entry(
                pattern=pattern, policy=policy, kind="mount", name=_name(mount.app), handler=handler
            )
        )

    def _policy(self, pattern: str, own: Policy | None, survey: Survey) -> Policy | None:
        """The policy of the handler, or the one that ``policies`` names; never both."""
        named = self._policies.get(pattern)
        if named is not None:
            self._used.add(pattern)
            if own is not None:
                survey.problems.append(f"{pattern}: two policies, on the handler and in policies")
        return named or own


def _router(app: object) -> Router | None:
    """The router of an application, if it is of a kind that we read."""
    if isinstance(app, Router):
        return app
    return app.router if isinstance(app, Starlette) else None


def _innermost(endpoint: Any) -> Any:
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return endpoint


def _name(endpoint: Any) -> str:
    endpoint = _innermost(endpoint)
    if isinstance(endpoint, Confirmed):
        endpoint = endpoint.app
    if not hasattr(endpoint, "__qualname__"):
        endpoint = endpoint.__class__
    return f"{endpoint.__module__}.{endpoint.__qualname__}"
