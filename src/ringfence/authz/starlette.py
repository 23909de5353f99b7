"""The routes of a Starlette or FastAPI application, as entries of the route table.

They are read in the router's own order, through included routers and sub-applications at any
depth. A route of a kind that is not understood is a problem that stops the start (ATTACKS Z04).
"""

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from ringfence.authz.confirm import Confirmed
from ringfence.authz.frameworks import Inclusion, inclusion_of
from ringfence.authz.seal import Tree
from ringfence.core.asgi import ASGIApp
from ringfence.core.limit import Limit, declared_limits
from ringfence.core.ownership import Resource
from ringfence.core.policy import (
    LISTED_ATTRIBUTE,
    RESOURCE_ATTRIBUTE,
    Policy,
    Related,
    atoms,
    declared,
)
from ringfence.core.route import Entry, Kind


@dataclass(slots=True)
class Survey:
    """What reading an application gave."""

    entries: list[Entry] = field(default_factory=list[Entry])
    problems: list[str] = field(default_factory=list[str])
    tree: Tree = field(default_factory=Tree)
    resources: tuple[Resource, ...] = ()  # what is declared about rows
    reasons: tuple[str, ...] = ()  # why rows of others are read and written
    whole: set[Entry] = field(default_factory=set[Entry])  # of which every name is served


class _Place(NamedTuple):
    """Where in the tree of applications a route is."""

    way: tuple[object, ...]  # who hands a request on to the router
    asked: list[tuple[str, tuple[object, ...]]]  # by prefix: included routers that come before
    prefix: str = ""
    through: tuple[Mount, ...] = ()
    inclusion: Inclusion | None = None  # how the router itself is included, if it is


class Routes:
    """Reads the routes of one application. Arguments are as of ``Ringfence``."""

    def __init__(
        self,
        app: ASGIApp,
        policies: Mapping[str, Policy],
        whole_folders: Mapping[str, str] | None = None,
        limits: Mapping[str, Limit | Iterable[Limit]] | None = None,
    ) -> None:
        self._app = app
        self._policies = dict(policies)
        self._whole = dict(whole_folders or {})
        self._limits: dict[str, tuple[Limit, ...]] = {
            prefix: (each,) if isinstance(each, Limit) else tuple(each)
            for prefix, each in (limits or {}).items()
        }
        self._used: dict[str, set[Kind]] = {}  # by which kinds of route

    @property
    def root(self) -> str:
        """The prefix that the application puts in the place of the server's (FastAPI)."""
        return getattr(self._app, "root_path", "")

    def read(self) -> Survey:
        """Read all routes as they are now. Nothing is changed."""
        self._used.clear()
        survey = Survey()
        router = _router(self._app)
        if router is None:
            survey.entries.extend(self._declared_alone())
        else:
            way = _application(self._app, router, survey.tree)
            self._router(router, _Place(way, []), survey)
        for pattern in sorted(set(self._policies) - set(self._used)):
            survey.problems.append(f"{pattern}: a policy for a route that does not exist")
        survey.whole.update(entry for entry in survey.entries if entry.pattern in self._whole)
        for pattern in sorted(self._whole.keys() - {entry.pattern for entry in survey.whole}):
            survey.problems.append(f"{pattern}: in whole_folders, and no route")
        for pattern, reason in self._whole.items():
            if not reason.strip():
                survey.problems.append(f"{pattern}: in whole_folders without a reason")
        for prefix in self._limits:
            if not any(_below(prefix, entry.pattern) for entry in survey.entries):
                survey.problems.append(f"{prefix}: a limit for a prefix that no route has")
        for pattern, kinds in self._used.items():
            if "mount" in kinds and len(kinds) > 1:
                survey.problems.append(
                    f"{pattern}: one policy for a route and a mount; declare the route's on its"
                    " handler"
                )
        return survey

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
                limits=self._limits_of(path),
            )

    def _router(self, router: Router, place: _Place, survey: Survey) -> None:
        inclusion = inclusion_of(router)
        survey.tree.routers.append((router, f"{place.prefix}/…"))
        if unread := inclusion.unread(router):
            survey.problems.append(f"{place.prefix}/: {unread} is not understood, mount its files")
        for route in router.routes:
            found = inclusion.included(route)
            if found is None:
                self._route(route, place, survey)
                continue
            prefix, inner = place.prefix + found[0], found[1]
            survey.tree.links.extend((route, link) for link in inclusion.links)
            place.asked.append((prefix, (route, inner)))
            self._router(inner, place._replace(prefix=prefix, inclusion=inclusion), survey)

    def _route(self, route: BaseRoute, place: _Place, survey: Survey) -> None:
        survey.tree.routes.append((route, place.inclusion))
        if isinstance(route, Mount):
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
        asked = [*_dependencies(getattr(route, "dependant", None))]
        if unread := _policies_of_methods(endpoint):
            survey.problems.append(
                f"{pattern}: a policy of {_name(endpoint)} is declared on its {unread}; declare one"
                " on the class, or give each its own handler"
            )
            policy = None
        elif policy is None:
            verbs = _verbs(methods, kind)
            survey.problems.append(f"{verbs} {pattern}: no policy ({_name(route.endpoint)})")
        elif any(getattr(each, RESOURCE_ATTRIBUTE, False) for each in asked) and not _names_owner(
            policy
        ):
            survey.problems.append(f"{pattern}: Owned[…] needs owner(…) in the policy, {policy!r}")
        entry = Entry(
            pattern=pattern,
            methods=methods,
            policy=policy,
            kind=kind,
            name=_name(route.endpoint),
            handler=route,
            through=place.through,
            limits=self._limits_of(pattern, _verbs(methods, kind), declared_limits(endpoint)),
            lists=tuple(filter(None, (getattr(each, LISTED_ATTRIBUTE, None) for each in asked))),
        )
        survey.entries.append(entry)
        survey.tree.ways[entry] = _way(place, pattern, route)

    def _mount(self, mount: Mount, place: _Place, survey: Survey) -> None:
        pattern = place.prefix + mount.path
        policy = self._policy(pattern or "/", "mount", None, survey)
        mounted = _mounted(mount)
        if pattern not in self._whole:
            _hold_to_its_folder(mounted, survey.tree)
        inner = _router(mounted)
        handler: object = mount
        way = _way(place, pattern, mount)
        if policy is None and inner is not None:
            inside = (*way, *_application(mounted, inner, survey.tree))
            through = (*place.through, mount)
            self._router(inner, _Place(inside, [], pattern, through), survey)
            handler = None  # a sub-application serves nothing but its routes
        elif inner is not None:
            if _declares(inner):
                survey.problems.append(
                    f"{pattern}/…: two policies, of the mount and of what is in it"
                )
                policy = None
            way = (*way, *_everything(mounted, inner, f"{pattern}/…", survey.tree))
        elif policy is None:
            survey.problems.append(f"{pattern}/…: no policy (a mount of {_name(mount.app)})")
        entry = Entry(
            pattern=pattern,
            policy=policy,
            kind="mount",
            name=_name(mount.app),
            handler=handler,
            through=place.through,
            limits=self._limits_of(pattern or "/"),
        )
        survey.entries.append(entry)
        survey.tree.ways[entry] = way

    def _limits_of(
        self, pattern: str, verbs: str = "", own: Iterable[Limit] = ()
    ) -> tuple[tuple[str, Limit], ...]:
        """The limits of a route: the handler's own, then those of prefixes, the longest first."""
        found = [(f"{verbs} {pattern}", limit) for limit in own]
        for prefix in sorted(self._limits, key=len, reverse=True):
            if _below(prefix, pattern):
                found.extend((prefix, limit) for limit in self._limits[prefix])
        return tuple(found)

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


def _verbs(methods: Iterable[str], kind: Kind) -> str:
    return ", ".join(sorted(methods)) or kind.upper()


def _below(prefix: str, pattern: str) -> bool:
    return pattern == prefix or pattern.startswith(prefix.rstrip("/") + "/")


def _router(app: object) -> Router | None:
    """The router of an application, if it is of a kind that we read."""
    if isinstance(app, Router):
        return app
    return app.router if isinstance(app, Starlette) else None


def _application(app: object, router: Router, tree: Tree) -> tuple[object, ...]:
    """Who hands a request on, of an application and its router, which may be the same."""
    if not isinstance(app, Starlette):
        return (router,)
    tree.applications.append(app)
    return (app, router)


def _way(place: _Place, pattern: str, route: BaseRoute) -> tuple[object, ...]:
    """Who may hand a request for ``pattern`` on until it comes to ``route``.

    An included router that comes before and could take the path is asked first.
    """
    literal = pattern.partition("{")[0]
    asked: list[object] = []
    for prefix, owners in place.asked:
        other = prefix.partition("{")[0]
        if literal.startswith(other) or other.startswith(literal):
            asked.extend(owners)
    return (*place.way, *asked, route)


def _everything(app: object, router: Router, where: str, tree: Tree) -> Iterator[object]:
    """All that is below a mount with a policy for all of it: its lists are sealed as well."""
    yield from _application(app, router, tree)
    tree.routers.append((router, where))
    inclusion = inclusion_of(router)
    for route in router.routes:
        found = inclusion.included(route)
        if found is not None:
            tree.links.extend((route, link) for link in inclusion.links)
            yield route
        _hold_to_its_folder(_mounted(route), tree)
        inner = found[1] if found is not None else _router(_mounted(route))
        if inner is not None:
            yield from _everything(_mounted(route), inner, where, tree)


def _hold_to_its_folder(mounted: object, tree: Tree) -> None:
    if isinstance(mounted, StaticFiles):
        tree.folders.append(mounted)


def _declares(router: Router) -> bool:
    """Whether a handler anywhere below ``router`` has a policy of its own."""
    inclusion = inclusion_of(router)
    for route in router.routes:
        found = inclusion.included(route)
        below = found[1] if found is not None else _router(_mounted(route))
        if below is not None:
            if _declares(below):
                return True
        elif declared(_innermost(getattr(route, "endpoint", None))) is not None:
            return True
    return False


def _mounted(route: BaseRoute) -> object:
    """What is mounted, without the middleware of the mount; None for other routes."""
    return getattr(route, "_base_app", None)


def _policies_of_methods(endpoint: object) -> str:
    """The methods of a class-based endpoint that have policies, which nothing would ask about."""
    if not isinstance(endpoint, type):
        return ""
    named = ((name, getattr(endpoint, name, None)) for name in dir(endpoint))
    return ", ".join(
        name for name, method in named if inspect.isfunction(method) and declared(method)
    )


def _dependencies(dependant: Any) -> Iterator[object]:
    """All that a handler of FastAPI's depends on, at any depth."""
    for each in getattr(dependant, "dependencies", ()):
        yield each.call
        yield from _dependencies(each)


def _names_owner(policy: Policy) -> bool:
    return any(isinstance(atom, Related) for atom in atoms(policy))


def _innermost(endpoint: Any) -> Any:
    while isinstance(endpoint, functools.partial | Confirmed):
        endpoint = endpoint.func if isinstance(endpoint, functools.partial) else endpoint.app
    return endpoint


def _name(endpoint: Any) -> str:
    endpoint = _innermost(endpoint)
    if not hasattr(endpoint, "__qualname__"):
        endpoint = endpoint.__class__
    return f"{endpoint.__module__}.{endpoint.__qualname__}"
