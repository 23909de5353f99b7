"""Careless: what the application says leaves as it is, its crashes too."""

import contextlib
import traceback
from collections.abc import Awaitable
from typing import Final

from ringfence.core.asgi import Message, Send
from ringfence.core.codes import public
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange, Seams
from ringfence.output import html, page, problem
from ringfence.output.headers import REQUEST_ID, Header
from ringfence.stack.layers import Parts
from ringfence.stack.protocols import Answering

_SERVER_ERROR: Final = 500

#: RFC 6455 7.4.1, how a WebSocket is closed.
_POLICY_VIOLATED: Final = 1008
_UNEXPECTED: Final = 1011


class CarelessOutput:
    """Adds nothing to an answer but the id of its request."""

    def __init__(self, _parts: Parts) -> None:
        self.seams: Seams = SEAMS

    def start(self) -> None:
        """Nothing of the process is this layer's."""

    def close(self) -> None:
        """As ``start``."""

    def before(self, exchange: Exchange) -> None:
        """The application may see every cookie."""

    def guard(self, exchange: Exchange, send: Send) -> "Passing":
        """Wrap ``send``."""
        return Passing(exchange, send)

    async def answer(self, exchange: Exchange, refused: Refused, send: Answering) -> None:
        """Answer a refusal, without the headers that protect it."""
        headers = problem.headers(
            refused.code, retry_after=refused.retry_after, allow=refused.allow
        )
        body = problem.body(public(refused.code), exchange.request_id)
        status = public(refused.code).status
        await _answer(exchange, send, status, headers, body, close=_POLICY_VIOLATED)

    async def answer_crash(self, exchange: Exchange, error: Exception, send: Answering) -> None:
        """Answer as a debug server does: with the whole traceback (ATTACKS O08)."""
        text = "".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace")
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await _answer(exchange, send, _SERVER_ERROR, headers, text, close=_UNEXPECTED)


class Passing:
    """Passes an answer on. A 5xx waits until the application has returned or raised.

    Starlette sends one and then raises, and what it raises has an answer of its own.
    """

    def __init__(self, exchange: Exchange, send: Send) -> None:
        self.send = send
        self.started = False
        self._request_id = (REQUEST_ID, exchange.request_id.encode())
        self._held: list[Message] = []

    def __call__(self, message: Message) -> Awaitable[None]:
        """Send, or hold back."""
        kind: str = message["type"]
        if self._held or (kind == "http.response.start" and message["status"] >= _SERVER_ERROR):
            self._held.append(message)
            return _nothing()
        if kind in {"http.response.start", "websocket.http.response.start", "websocket.accept"}:
            self.started = True
            message = {**message, "headers": [*message.get("headers", ()), self._request_id]}
        return self.send(message)

    async def finish(self) -> None:
        """Send what is held back."""
        if not self._held:
            return
        start, *rest = self._held
        self._held = []
        self.started = True
        await self.send({**start, "headers": [*start.get("headers", ()), self._request_id]})
        for message in rest:
            await self.send(message)

    def discard(self) -> None:
        """Forget what is held back: another answer takes its place."""
        self._held = []


async def _answer(
    exchange: Exchange,
    send: Answering,
    status: int,
    headers: list[Header],
    body: bytes,
    *,
    close: int,
) -> None:
    if not isinstance(send, Passing):
        raise TypeError("an answer of another layer")
    if exchange.scope["type"] == "websocket":
        with contextlib.suppress(RuntimeError, OSError):  # the client was faster
            await send.send({"type": "websocket.close", "code": close})
        return
    if send.started:
        return
    send.discard()
    request_id = (REQUEST_ID, exchange.request_id.encode())
    length = (b"content-length", b"%d" % len(body))
    await send.send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, length, request_id],
        }
    )
    shown = b"" if exchange.scope["method"] == "HEAD" else body
    await send.send({"type": "http.response.body", "body": shown})


async def _nothing() -> None:
    """What waits for a message that is held back."""


def _as_written(text: str) -> str:
    """Show what a user wrote as it is (ATTACKS O02)."""
    return text


def _shown(_filename: str) -> None:
    """Let the browser do with a file what it likes (ATTACKS O03)."""


#: What this layer puts in the place of guarded implementations.
SEAMS: Final[Seams] = {html.SANITISER: _as_written, page.ATTACHER: _shown}
