"""The line of a request in the log: what was asked, what was answered, and how long it took.

The route is the pattern that the request met: paths hold ids, and queries what people type. Of a
path that no route has, nothing is written. Who was signed in is not written either.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

from ringfence.core.asgi import Message, Send
from ringfence.core.codes import Code, Layer
from ringfence.core.exchange import Exchange
from ringfence.core.seam import Seam
from ringfence.monitoring.record import MOST_BYTES, bounded, timestamp
from ringfence.monitoring.record import line as line_of

_REFUSED: Final = 403  # what a server answers if a WebSocket is closed before it was accepted
_SWITCHED: Final = 101


def watch(exchange: Exchange, send: Send) -> Send:
    """``send``, which also notes the status of the answer in ``exchange``."""

    def watched(message: Message) -> Any:  # noqa: ANN401  # what ``send`` returns
        kind: str = message["type"]
        if kind.endswith("response.start"):
            exchange.status = message["status"]
        elif kind == "websocket.accept":
            exchange.status = _SWITCHED
        elif kind == "websocket.close":
            exchange.status = exchange.status or _REFUSED
        return send(message)

    return watched


def method(exchange: Exchange) -> str:
    """The method of the request; ``WEBSOCKET`` for one that has none."""
    asked: str = exchange.scope.get("method", "WEBSOCKET")
    return asked


def line(exchange: Exchange, seconds: float) -> bytes:
    """``record`` as a line of the log, made from parts that are known: there is one per request."""
    route = "" if exchange.entry is None else _written("route", exchange.entry.pattern)
    if (found := exchange.trace_parent) is not None:
        route += f',"trace_id":"{found[0]}","parent_id":"{found[1]}"'
    made = (
        f'{{"time":"{timestamp(exchange.now)}","level":"INFO","logger":"access"'
        f',"request_id":"{exchange.request_id}"{_written("client", exchange.client)}'
        f'{_written("method", method(exchange))},"status":{exchange.status}'
        f',"milliseconds":{seconds * 1000:.3f}{route}}}\n'
    ).encode()
    return made if len(made) <= MOST_BYTES else line_of(record(exchange, seconds))


@functools.lru_cache(4096)
def _written(name: str, value: str) -> str:
    """A field whose value comes again and again: a route, a method, a client."""
    return "," + line_of({name: bounded(value)})[1:-2].decode()


def record(exchange: Exchange, seconds: float) -> dict[str, Any]:
    """What is written of a request that took ``seconds``, once it is over.

    A status of 0 stands for no answer: the client had left.
    """
    made: dict[str, Any] = {
        "time": timestamp(exchange.now),
        "level": "INFO",
        "logger": "access",
        "request_id": exchange.request_id,
        "client": bounded(exchange.client),
        "method": bounded(method(exchange)),
        "status": exchange.status,
        "milliseconds": round(seconds * 1000, 3),
    }
    if exchange.entry is not None:
        made["route"] = bounded(exchange.entry.pattern)
    if (found := exchange.trace_parent) is not None:
        made["trace_id"], made["parent_id"] = found
    return made


def _nobody(_code: Code, _request_id: str, _client: str) -> None:
    """Nobody watches."""


#: Who hears of what the server itself refuses, before there is a request: the code, the id that
#: the client was told, and the address of the connection.
REFUSED_BEFORE: Final = Seam[Callable[[Code, str, str], None]](Layer.MONITORING, _nobody)
