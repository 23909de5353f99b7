"""The wrapper around ``send``: what the application answers passes here before it leaves.

Only the start of a response is changed, so that bodies stream through as they come. An error answer
is held back. A 5xx waits until the application has returned or raised (Starlette sends one and then
raises, and the exception may be a refusal with an answer of its own). A framework's 404, 405 or 422
waits for the first piece of its body.
"""

from collections.abc import Awaitable, Iterable
from enum import Enum, auto
from typing import Final

from ringfence.core.asgi import Message, Send
from ringfence.core.codes import CODES, Code
from ringfence.core.exchange import Exchange
from ringfence.output import problem
from ringfence.output.headers import NO_STORE, REQUEST_ID, Header, names_page
from ringfence.output.location import stays
from ringfence.output.scrub import (
    CLIENT_ERROR,
    FRAMEWORKS,
    SERVER_ERROR,
    UNPROCESSABLE,
    fields,
    replacement,
)
from ringfence.output.site import Site, tell


class _State(Enum):
    OPEN = auto()  # nothing is held back
    LOOKING = auto()  # the first piece of the body decides
    HELD = auto()  # an error, until the application has returned or raised
    WHOLE = auto()  # JSON, until its body is whole: fields may have to be cut from it
    DONE = auto()  # answered in place of the application, whose own answer is dropped


_OPEN: Final = _State.OPEN
_STARTS: Final = frozenset({"http.response.start", "websocket.http.response.start"})
_REDIRECTS: Final = range(300, 400)

#: Of JSON that comes in pieces, while it waits to be judged.
_MOST_COLLECTED_BYTES: Final = 4 * 1024 * 1024
#: What is not true any more of a body from which something was cut.
_ABOUT_THE_BODY: Final = frozenset({b"content-length", b"etag", b"content-digest", b"digest"})


class Guard:
    """One response on its way out. Call it as ``send``; ``finish`` once the application returned.

    ``started`` says whether the client has seen anything: then no other answer is possible.
    """

    __slots__ = ("_collected", "_exchange", "_held", "_site", "_state", "send", "started")

    def __init__(self, exchange: Exchange, site: Site, send: Send) -> None:
        self.send: Final = send
        self.started = False
        self._exchange: Final = exchange
        self._site: Final = site
        self._state = _OPEN
        self._held: list[Message] = []
        self._collected = 0  # bytes of what is held

    def __call__(self, message: Message) -> Awaitable[None]:
        kind: str = message["type"]
        if kind in _STARTS:
            return self._begin(message)
        if self._state is not _OPEN:
            return self._hold_back(message)
        if kind == "http.response.body":
            return self.send(message)
        if kind == "websocket.accept":
            return self._start(message)
        if kind == "websocket.close" and not isinstance(message.get("reason"), str | None):
            return self.send({**message, "reason": ""})  # FastAPI puts the whole validation here
        return self.send(message)

    async def finish(self) -> None:
        """Send what is held back, now that no other answer can come."""
        held, self._held = self._held, []
        if not held:
            if self.started or self._exchange.scope["type"] != "http":
                return
            held = [_nothing_said()]
        if self._state is _State.LOOKING:
            await self._release(held)
            return
        start = held[0]
        tell(self._exchange, "error.scrubbed", start)
        again = [(b"retry-after", v) for v in _values(start, b"retry-after") if v.isdigit()]
        again = again or problem.soon(start["status"])
        await self._replace(start, CODES["server.error"], max(start["status"], SERVER_ERROR), again)

    def discard(self) -> bool:
        """Make room for another answer; False if the client has seen something already."""
        self._held = []
        self._state = _State.DONE
        return not self.started

    def _begin(self, start: Message) -> Awaitable[None]:
        if self._state is _State.DONE:
            return _nothing()
        status: int = start["status"]
        if status < CLIENT_ERROR:
            return self._start(start)
        if status >= SERVER_ERROR:
            self._state = _State.HELD
        elif status in FRAMEWORKS and not _is_page(start):
            self._state = _State.LOOKING
        else:
            return self._start(start)
        self._held = [start]
        return _nothing()

    def _start(self, start: Message) -> Awaitable[None]:
        """Send the start of a response, unless it leads the browser off this site."""
        if start.get("status") in _REDIRECTS and self._strays(start):
            tell(self._exchange, "location.policed", start)
            return self._replace(start, CODES["request.refused"])
        headers = self._site.headers(self._exchange, start)
        if self._site.veil.may_hide(self._exchange, headers):
            self._state = _State.WHOLE
            self._held = [{**start, "headers": headers}]
            return _nothing()
        self._state = _OPEN
        self.started = True
        return self.send({**start, "headers": headers})

    def _strays(self, start: Message) -> bool:
        return not all(
            stays(location.decode("latin-1"), self._site.origins)
            for location in _values(start, b"location")
        )

    async def _collect(self, message: Message) -> None:
        """Send JSON once it is whole, without the fields that the caller does not get."""
        self._held.append(message)
        self._collected += len(message.get("body", b""))
        more: bool = message.get("more_body", False)
        if more and self._collected <= _MOST_COLLECTED_BYTES:
            return
        start, *pieces = self._held
        self._held = []
        content = b"".join(piece.get("body", b"") for piece in pieces)
        try:
            kept, cut = self._site.veil.cut(
                self._exchange, start["headers"], content, whole=not more
            )
        except ValueError as error:
            tell(self._exchange, "field.hidden", start, reason=str(error))
            await self._replace(start, CODES["server.error"], SERVER_ERROR)
            return
        if cut:
            tell(self._exchange, "field.hidden", start, fields=", ".join(sorted(cut)))
            length = (b"content-length", b"%d" % len(kept))
            others = [each for each in start["headers"] if each[0] not in _ABOUT_THE_BODY]
            start = {**start, "headers": [*others, length]}
        self._state = _OPEN
        self.started = True
        await self.send(start)
        await self.send({"type": message["type"], "body": kept})

    def _hold_back(self, message: Message) -> Awaitable[None]:
        if self._state is _State.LOOKING:
            return self._look(message)
        return self._collect(message) if self._state is _State.WHOLE else _nothing()

    async def _look(self, first: Message) -> None:
        start = self._held[0]
        self._held = []
        body: bytes = first.get("body", b"")
        status: int = start["status"]
        code = replacement(status, body, encoded=bool(_values(start, b"content-encoding")))
        if code is None:
            await self._release([start, first])
            return
        if status == UNPROCESSABLE:
            tell(self._exchange, "error.scrubbed", start, fields=fields(body))
        allow = [(b"allow", value) for value in _values(start, b"allow")]
        await self._replace(start, code, extra=allow)

    async def _release(self, held: list[Message]) -> None:
        await self._start(held[0])
        for message in held[1:]:
            await self(message)

    async def _replace(
        self, start: Message, code: Code, status: int = 0, extra: Iterable[Header] = ()
    ) -> None:
        """Answer in the application's place."""
        self._state = _State.DONE
        self.started = True
        headers = [problem.CONTENT_TYPE, *extra]
        kind = start["type"].removesuffix(".start")
        await respond(
            self.send, self._site, self._exchange, code, headers, status=status, kind=kind
        )


async def respond(
    send: Send,
    site: Site,
    exchange: Exchange,
    code: Code,
    headers: Iterable[Header],
    *,
    status: int = 0,
    kind: str = "http.response",
) -> None:
    """Send a problem with these headers and those of every response."""
    body = problem.body(code, exchange.request_id, status=status)
    request_id = (REQUEST_ID, exchange.request_id.encode())
    length = (b"content-length", b"%d" % len(body))
    all_headers = [*headers, length, *site.api, NO_STORE, request_id, *exchange.announced]
    await send({"type": f"{kind}.start", "status": status or code.status, "headers": all_headers})
    shown = b"" if exchange.scope.get("method") == "HEAD" else body
    await send({"type": f"{kind}.body", "body": shown})


def _is_page(start: Message) -> bool:
    return any(names_page(value) for value in _values(start, b"content-type"))


def _values(start: Message, name: bytes) -> list[bytes]:
    return [value for key, value in start.get("headers", ()) if key.lower() == name]


def _nothing_said() -> Message:
    """What stands for the answer of an application that gave none."""
    return {"type": "http.response.start", "status": SERVER_ERROR}


async def _nothing() -> None:
    """What waits for a message that is held back."""
