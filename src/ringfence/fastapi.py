"""What the handlers of a FastAPI application ask for: the object, a page of them, who is asking.

@app.get("/orders/{order_id}")
@allow(owner(Order))
async def read_order(order: Owned[Order], caller: Caller) -> OrderOut: ...

@app.get("/orders")
@allow(signed_in)
async def list_orders(orders: Owned[list[Order]]) -> Page[OrderOut]:
    return paged(orders, OrderOut.of)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeAlias, TypeVar, get_args, get_origin

from fastapi import Depends, Query
from starlette.requests import HTTPConnection

from ringfence.authz.cursor import cursor, place
from ringfence.authz.resources import LISTS
from ringfence.core.errors import Refused
from ringfence.core.exchange import SCOPE_KEY, Exchange
from ringfence.core.policy import LISTED_ATTRIBUTE, RESOURCE_ATTRIBUTE
from ringfence.core.principal import Principal

T = TypeVar("T")
U = TypeVar("U")

After: TypeAlias = Annotated[str | None, Query(description="``next`` of the page before")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=100)]


def exchange_of(connection: HTTPConnection) -> Exchange:
    """The exchange of this request.

    Raises:
        Refused: ``route.unsealed``; the application runs without Ringfence in front of it.
    """
    exchange = connection.scope.get(SCOPE_KEY)
    if not isinstance(exchange, Exchange):
        raise Refused("route.unsealed")
    return exchange


async def _owned(connection: HTTPConnection) -> Any:  # noqa: ANN401  # the type stands in Owned[…]
    value = exchange_of(connection).resource.value
    if value is None:  # no ``owner()`` in the route's policy: the handler would work with None
        raise Refused("policy.missing", facts={"missing": "owner"})
    return value


setattr(_owned, RESOURCE_ATTRIBUTE, True)  # a policy without ``owner()`` stops the start


class _Rows(list[T]):
    """The rows of one page, and where the next one begins."""

    following: str | None = None


@dataclass(frozen=True)
class _Listing:
    """The dependency behind ``Owned[list[kind]]``."""

    kind: type

    async def __call__(
        self, connection: HTTPConnection, after: After = None, limit: Limit = 50
    ) -> Any:  # noqa: ANN401  # the type stands in Owned[…]
        lister = exchange_of(connection).state.get(LISTS, {}).get(self.kind)
        if lister is None:  # the route came after the start
            raise Refused("policy.missing", facts={"missing": "list"})
        name = self.kind.__name__
        found = await lister.page(None if after is None else place(name, after), limit)
        rows = _Rows[Any](found.rows)
        if found.following is not None:
            rows.following = cursor(name, found.following)
        return rows


setattr(_Listing, LISTED_ATTRIBUTE, property(lambda listing: listing.kind))


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list: ``{"items": […], "next": …}``; ``next`` is None on the last one."""

    items: list[T]
    next: str | None


def paged(rows: list[T], show: Callable[[T], U]) -> Page[U]:
    """The answer for a page of rows.

    Args:
        rows: What ``Owned[list[…]]`` gave.
        show: Makes of a row what the client gets.

    Raises:
        TypeError: The rows are of somewhere else: nobody knows what follows them.
    """
    if not isinstance(rows, _Rows):
        raise TypeError("paged() takes what Owned[list[…]] gave")
    return Page([show(row) for row in rows], rows.following)


async def _caller(connection: HTTPConnection) -> Principal:
    principal = exchange_of(connection).principal
    if principal is None:
        raise Refused("token.missing")
    return principal


async def _anyone(connection: HTTPConnection) -> Principal | None:
    return exchange_of(connection).principal


if TYPE_CHECKING:
    Owned: TypeAlias = Annotated[T, Depends(_owned)]
else:

    class Owned:
        """The object that the policy's loader found: ``order: Owned[Order]``.

        ``orders: Owned[list[Order]]`` is a page of the rows that the caller may read, in the order
        of their keys; ``?after=`` and ``?limit=`` (1 to 100, 50 if not given) say which.
        """

        def __class_getitem__(cls, kind: Any) -> Any:  # noqa: ANN401  # a type
            listed = get_args(kind) if get_origin(kind) is list else ()
            return Annotated[kind, Depends(_Listing(*listed) if listed else _owned)]


#: The verified subject of the request.
Caller: TypeAlias = Annotated[Principal, Depends(_caller)]

#: The verified subject, or None on a public route where nobody is signed in.
MaybeCaller: TypeAlias = Annotated[Principal | None, Depends(_anyone)]
