"""Inclusion by copying: Starlette, and FastAPI before 0.137.

``include_router`` adds a new route for each route of the other router, and the other router is
never asked again: what is added to it later is not served.
"""

from typing import ClassVar

from starlette.routing import BaseRoute, Router


class Copied:
    """Every route stands in the list of the router that is asked."""

    lists: ClassVar[tuple[str, ...]] = ("routes",)
    links: ClassVar[tuple[str, ...]] = ()

    def included(self, _route: BaseRoute, /) -> tuple[str, Router] | None:
        return None

    def unread(self, _router: Router, /) -> str:
        return ""

    def confirmed_endpoint(self, _route: BaseRoute, /) -> object | None:
        return None

    def refresh(self, _router: Router, /) -> None:
        """Nothing is built in advance."""
