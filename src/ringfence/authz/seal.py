"""The seal: what was read at the start stays as it is until the stack is closed.

Every list of routes becomes one that cannot be changed: code that tries gets ``RoutesSealed``. What
can be replaced as a whole (an application's router, a router's list, what a mount leads to) is
compared by identity on each request, along the way to its route. No folder of static files is left
by a link. ``thaw`` puts everything back.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NoReturn, TypeAlias

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Router
from starlette.staticfiles import StaticFiles

from ringfence.authz.confirm import Confirmed
from ringfence.authz.frameworks import Inclusion, inclusion_of
from ringfence.core.errors import ConfigurationError, Refused, RoutesSealed
from ringfence.core.route import Entry

_Routers: TypeAlias = list[tuple[Router, str]]
_Routes: TypeAlias = list[tuple[BaseRoute, Inclusion | None]]
_Ways: TypeAlias = dict[Entry, tuple[object, ...]]

#: The attributes of an object, a name in them, the value it must have, and a label for people.
_Bond: TypeAlias = tuple[dict[str, object], str, object, str]


@dataclass(frozen=True, slots=True)
class Tree:
    """What the entries were read from."""

    applications: list[Starlette] = field(default_factory=list[Starlette])
    routers: _Routers = field(default_factory=_Routers)  # each with where it is, for people
    links: list[tuple[BaseRoute, str]] = field(default_factory=list[tuple[BaseRoute, str]])
    routes: _Routes = field(default_factory=_Routes)  # each with how its router is included, if so
    folders: list[StaticFiles] = field(default_factory=list[StaticFiles])  # no link leads out
    ways: _Ways = field(default_factory=_Ways)  # what may hand a request on, for each entry


class SealedRoutes(tuple[BaseRoute, ...]):  # noqa: SLOT001  # a tuple's subclass can have none
    """A router's routes while they are sealed: they are read like a list, and never change.

    It is a tuple, because the methods of a list could be bypassed (``list.append(routes, late)``).
    """

    where: str

    def copy(self) -> list[BaseRoute]:
        """The routes, as a list of the caller's own."""
        return list(self)

    def _refuse(self, *_arguments: Any, **_named: Any) -> NoReturn:
        raise RoutesSealed(
            f"the routes of {self.where} are sealed while the application runs: add routes before"
            " the start, or in the application's own start-up"
        )

    append = clear = extend = insert = pop = remove = reverse = sort = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse


class Seal:
    """Makes sure that what ``tree`` names stays as it is now, until ``thaw``.

    Raises:
        ConfigurationError: Something cannot be sealed; everything is as it was before.
    """

    def __init__(self, tree: Tree) -> None:
        self._bonds: Final[dict[int, list[_Bond]]] = {}  # by the owner's id
        self._undo: Final[list[Callable[[], None]]] = []
        try:
            self._hold(tree)
        except BaseException:
            self.thaw()
            raise
        self._ways: Final = {
            entry: tuple(bond for owner in way for bond in self._bonds.get(id(owner), ()))
            for entry, way in tree.ways.items()
        }

    def examine(self, entry: Entry) -> None:
        """Compare what leads to ``entry`` with what was sealed.

        Raises:
            Refused: ``route.unsealed``; something else is in its place.
        """
        for attributes, name, value, label in self._ways.get(entry, ()):
            if attributes.get(name, _NOTHING) is not value:
                raise Refused("route.unsealed", facts={"changed": label})

    def thaw(self) -> None:
        """Put everything back, except what somebody has replaced. The lists may change again."""
        while self._undo:
            self._undo.pop()()

    def _hold(self, tree: Tree) -> None:
        for app in tree.applications:
            self._keep(app, "router")
            # Built now: from here on the application itself refuses ``add_middleware``.
            stack = app.middleware_stack or app.build_middleware_stack()
            self._put(app, "middleware_stack", stack)
        for router, where in tree.routers:
            self._router(router, where)
        for route, link in tree.links:
            self._keep(route, link)
        for route, inclusion in tree.routes:
            self._route(route, inclusion)
        for folder in tree.folders:
            self._put(folder, "follow_symlink", False)  # noqa: FBT003  # the attribute's value

    def _router(self, router: Router, where: str) -> None:
        inclusion = inclusion_of(router)
        self._undo.append(partial(inclusion.refresh, router))  # when the handlers are back
        for name in inclusion.lists:
            routes = getattr(router, name)
            if isinstance(routes, SealedRoutes):
                if self._holds(router, name):
                    continue  # included twice, or mounted
                raise ConfigurationError(f"{where}: sealed by another Ringfence; close that first")
            sealed = SealedRoutes(routes)
            sealed.where = where
            self._put(router, name, sealed)
        self._keep(router, "middleware_stack")
        inclusion.refresh(router)

    def _route(self, route: BaseRoute, inclusion: Inclusion | None) -> None:
        if not self._holds(route, "handle"):
            self._put(route, "handle", Confirmed(route.handle, route))
            self._keep(route, "app")
        if inclusion is not None and not self._holds(route, "endpoint"):
            endpoint = inclusion.confirmed_endpoint(route)
            if endpoint is not None:
                self._put(route, "endpoint", endpoint)

    def _holds(self, owner: object, name: str) -> bool:
        return any(bond[1] == name for bond in self._bonds.get(id(owner), ()))

    def _keep(self, owner: object, name: str) -> None:
        """Hold ``owner`` to what it has under ``name``, if it has it as a thing of its own."""
        attributes = getattr(owner, "__dict__", {})
        if name in attributes and not self._holds(owner, name):
            bond = (attributes, name, attributes[name], f"{type(owner).__name__}.{name}")
            self._bonds.setdefault(id(owner), []).append(bond)

    def _put(self, owner: object, name: str, value: object) -> None:
        """Put ``value`` in place until ``thaw``, and hold ``owner`` to it."""
        ruled = inspect.getattr_static(type(owner), name, None)
        if inspect.isdatadescriptor(ruled) or not hasattr(owner, "__dict__"):
            raise ConfigurationError(f"{type(owner).__name__}.{name} cannot be sealed")
        attributes = vars(owner)
        before = attributes.get(name, _NOTHING)
        self._undo.append(partial(_restore, attributes, name, before, value))
        attributes[name] = value
        self._keep(owner, name)


_NOTHING: Final = object()


def _restore(attributes: dict[str, object], name: str, before: object, put: object) -> None:
    """Undo ``_put``, unless somebody has put another value there since."""
    if attributes.get(name) is not put:
        return
    if before is _NOTHING:
        del attributes[name]
    else:
        attributes[name] = before
