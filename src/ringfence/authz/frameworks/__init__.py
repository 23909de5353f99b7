"""How frameworks include one router in another: an adapter for each of the ways.

Only these adapters know FastAPI's own parts. A router's adapter is chosen by what the router has,
not by a version number. If neither fits, an included router looks like a route of a kind that is
not understood, and the start is refused.
"""

from typing import ClassVar, Final, Protocol

from starlette.routing import BaseRoute, Router

from ringfence.authz.frameworks.copied import Copied
from ringfence.authz.frameworks.nested import Nested


class Inclusion(Protocol):
    """What reading and sealing routes need to know of a framework's way."""

    lists: ClassVar[tuple[str, ...]]  # attributes of a router in which it keeps routes
    links: ClassVar[tuple[str, ...]]  # attributes of an including route that lead to the router

    def included(self, route: BaseRoute, /) -> tuple[str, Router] | None:
        """The prefix and the router that ``route`` stands for; None where it is a plain route."""
        ...

    def unread(self, router: Router, /) -> str:
        """What of ``router`` answers requests and cannot be read, for people; or nothing."""
        ...

    def confirmed_endpoint(self, route: BaseRoute, /) -> object | None:
        """What shall take the place of ``route.endpoint``, so that it confirms before it runs.

        None where every request for the route comes to ``route.handle``.
        """
        ...

    def refresh(self, router: Router, /) -> None:
        """Forget what was built of the router's handlers before they were sealed, or thawed."""
        ...


_COPIED: Final = Copied()
_NESTED: Final = Nested()


def inclusion_of(router: Router) -> Inclusion:
    """The adapter for this router's shape."""
    return _NESTED if Nested.fits(router) else _COPIED
