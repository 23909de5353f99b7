"""What the handlers of a FastAPI application ask for: the object, and who is asking.

@app.get("/orders/{order_id}")
@allow(owner(Order))
async def read_order(order: Owned[Order], caller: Caller) -> OrderOut: ...
"""

from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from ringfence.core.errors import Refused
from ringfence.core.exchange import SCOPE_KEY, Exchange
from ringfence.core.policy import RESOURCE_ATTRIBUTE
from ringfence.core.principal import Principal

T = TypeVar("T")


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


async def _caller(connection: HTTPConnection) -> Principal:
    principal = exchange_of(connection).principal
    if principal is None:
        raise Refused("token.missing")
    return principal


async def _anyone(connection: HTTPConnection) -> Principal | None:
    return exchange_of(connection).principal


#: The object that the policy's loader found: ``order: Owned[Order]``.
Owned: TypeAlias = Annotated[T, Depends(_owned)]

#: The verified subject of the request.
Caller: TypeAlias = Annotated[Principal, Depends(_caller)]

#: The verified subject, or None on a public route where nobody is signed in.
MaybeCaller: TypeAlias = Annotated[Principal | None, Depends(_anyone)]
