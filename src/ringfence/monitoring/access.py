"""The line of a request in the log: what was asked, what was answered, and how long it took.

The route is the pattern that the request met: paths hold ids, and queries what people type. Of a
path that no route has, nothing is written. Who was signed in is not written either.
"""

from typing import Any, Final

from ringfence.core.asgi import Message, Send
from ringfence.core.exchange import Exchange
from ringfence.monitoring.record import bounded, timestamp

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
        "method": method(exchange),
        "status": exchange.status,
        "milliseconds": round(seconds * 1000, 3),
    }
    if exchange.entry is not None:
        made["route"] = bounded(exchange.entry.pattern)
    if (found := exchange.trace_parent) is not None:
        made["trace_id"], made["parent_id"] = found
    return made
