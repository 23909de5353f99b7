"""What a target puts around its application while it is attacked.

A lock and a note of the traces are ASGI applications around it. A clock is what it asks for the
time. The application does not know that they are there.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ringfence.attack.client import KEY
from ringfence.core.asgi import ASGIApp, Message, Receive, Scope, Send
from ringfence.core.exchange import SCOPE_KEY, Exchange

_DIGITS: Final = 24  # of a number of seconds

_NOT_FOUND: Final = (
    {"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]},
    {"type": "http.response.body", "body": b""},
)


class Locked:
    """An application that is there for whoever shows the key, and for nobody else.

    No web page can reach it: it cannot know the key.
    """

    def __init__(self, app: ASGIApp, key: bytes) -> None:
        self._app = app
        self._key = (KEY.encode(), key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, without the key."""
        if scope["type"] == "http":
            if self._key not in scope["headers"]:
                for message in _NOT_FOUND:
                    await send(message)
                return
            scope["headers"] = [header for header in scope["headers"] if header != self._key]
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        await self._app(scope, receive, send)


class Traced:
    """Writes down what the controls did to each request, once it is answered.

    So a report can name who stopped an attack without refusing anything.
    """

    def __init__(self, app: ASGIApp, file: Path) -> None:
        self._app = app
        self._lines = file.open("a", buffering=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        exchanges: list[Exchange] = []

        async def watched(message: Message) -> None:
            if not exchanges and isinstance(scope.get(SCOPE_KEY), Exchange):
                exchanges.append(scope[SCOPE_KEY])  # the guard takes it away in the end
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            for exchange in exchanges:
                traces = [code.name for code in exchange.traces]
                line = {"request_id": exchange.request_id, "traces": traces}
                self._lines.write(json.dumps(line) + "\n")


class MovedClock:
    """The time, as far ahead of the machine's as a file says: see ``Site.later``."""

    def __init__(self, file: Path) -> None:
        write_seconds(file, 0.0)
        self._file = os.open(file, os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self) -> datetime:
        """The time, aware UTC."""
        return datetime.now(UTC) + timedelta(seconds=float(os.pread(self._file, _DIGITS, 0)))


def write_seconds(file: Path, seconds: float) -> None:
    """Say how far ahead. It is as long each time, so that nobody reads the half of it."""
    with file.open("r+b" if file.exists() else "xb", buffering=0) as stream:
        stream.write(b"%0*.3f" % (_DIGITS, seconds))
