"""Requests for tests of the boundary layer."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ringfence.core.codes import Layer
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from tests.careless import seams

HOST = (b"host", b"shop.example")


class Nowhere:
    """An event sink that keeps nothing."""

    def emit(self, event: Event) -> None: ...


def exchange(
    method: str = "GET",
    path: str = "/",
    query: bytes = b"",
    headers: Sequence[tuple[bytes, bytes]] = (HOST,),
    *,
    off: Sequence[Layer] = (),
    **scope: Any,
) -> Exchange:
    """One request as a server would announce it."""
    announced = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": list(headers),
    }
    return Exchange(
        announced | scope,
        request_id="r",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        seams=seams(*off),
        sink=Nowhere(),
    )


@contextmanager
def during(made: Exchange) -> Generator[Exchange]:
    """The code within runs on behalf of ``made``."""
    token = current.set(made)
    try:
        yield made
    finally:
        current.reset(token)
