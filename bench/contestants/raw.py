"""The cheapest ASGI application that there is: what the server and the load cost by themselves."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from bench.contest import Case, Contestant, Request

_BODY: Final = b'{"id":17,"item":"Copper kettle","quantity":1,"price":6400}'
_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_BODY)).encode()),
]


def build(case: Case) -> Contestant:
    """See the module."""
    request = Request(method="GET", path="/orders/17")
    return Contestant(app=answer, requests=(request,) * case.people)


async def answer(
    scope: MutableMapping[str, Any],
    _receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Always the same."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS]})
        await send({"type": "http.response.body", "body": _BODY})
