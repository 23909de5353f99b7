"""uvicorn as Ringfence serves: one reading of each request, and bounds on what is held.

uvicorn judges no head, so a client may send one without an end, or never finish it; trailers of a
chunked body are added to the headers that were judged already; and of a target in absolute form,
``GET http://other.example/ HTTP/1.1``, the application sees the path alone. ``StrictHttp`` refuses
the first and the last, and leaves trailers out. What it refuses is answered as every other refusal
is: a problem with a request id.

    uvicorn shop:app --http ringfence.server:StrictHttp --no-proxy-headers --ws-max-size 1048576

Sources: RFC 9110 section 6.5.1 (trailers), RFC 9112 section 3.2.2 (absolute form); ASVS 4.2.1;
ATTACKS H01, H08.
"""

import asyncio
import os
import re
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import Any, Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import HANDLED_SIGNALS

from ringfence.core.asgi import ASGIApp
from ringfence.core.codes import CODES, public
from ringfence.monitoring.access import REFUSED_BEFORE
from ringfence.output.bare import bare
from ringfence.output.headers import TWO_YEARS, Header, fixed

#: Of the whole head: more than the boundary reads, which says so to whom it can.
_HEAD_BYTES: Final = 65_536
_HEAD_SECONDS: Final = 10.0
_MESSAGE_BYTES: Final = 1_048_576  # of a WebSocket
_MESSAGES_WAITING: Final = 4  # of a WebSocket, until the application takes them
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==")  # of a handshake: 16 bytes

_GRACEFUL_SECONDS: Final = 10
_LAST_SECONDS: Final = 5.0  # for threads, once all requests are answered


def config(
    app: ASGIApp,
    *,
    secure: bool,
    max_age: timedelta = TWO_YEARS,
    subdomains: bool = True,
    **options: Any,  # noqa: ANN401  # uvicorn's own
) -> uvicorn.Config:
    """How to serve ``app``.

    Args:
        app: Guarded.
        secure: Whether browsers reach the site by TLS: the server's own answers then say so.
        max_age: For how long; see ``output.headers.fixed``.
        subdomains: Of every name below the site's, too.
        options: Of ``uvicorn.Config``; they go before what is set here.
    """

    class Http(StrictHttp):
        own_headers = fixed(secure=secure, max_age=max_age, subdomains=subdomains)

    ours: dict[str, Any] = {
        "access_log": False,  # Ringfence's events are the log
        "http": Http,
        "interface": "asgi3",
        "lifespan": "on",
        "proxy_headers": False,  # the network layer judges forwarded headers
        "server_header": False,
        "timeout_graceful_shutdown": _GRACEFUL_SECONDS,
        "ws_max_queue": _MESSAGES_WAITING,
        "ws_max_size": _MESSAGE_BYTES,
        "ws_per_message_deflate": False,  # a small message must not become a large one (CWE-409)
    }
    return uvicorn.Config(app, **(ours | options))


class Server(uvicorn.Server):
    """Ends once it is told to, with all that is under way answered, and as a success."""

    _told = False  # by a signal to end
    _is_all = False  # of the process: it ends with us

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal says to end: the process does so, whatever its threads still do.

        A handler without ``async`` can't be interrupted. Python would wait for its thread.
        """
        self._is_all = True
        super().run(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Listen to SIGINT and SIGTERM, to the end of the process.

        uvicorn would raise the signal again once it has ended, so that a process which ended as it
        was told to would look as if it had been killed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for number in HANDLED_SIGNALS:
            signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            for number in HANDLED_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            if self._told and self._is_all:
                _end_in_a_while()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends the server; it does so within seconds, whatever comes after."""
        self._told = True
        if not self.should_exit:
            super().handle_exit(sig, frame)


def _end_in_a_while() -> None:
    """End the process as a success, unless it has ended by then."""

    def end() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(0)

    timer = threading.Timer(_LAST_SECONDS, end)
    timer.daemon = True
    timer.start()


class _RefusedError(Exception):
    """The head is refused; raised through the parser, which gives up."""


class StrictHttp(HttpToolsProtocol):
    """One connection of a client."""

    #: Headers of the server's own answers.
    own_headers: tuple[Header, ...] = fixed(secure=False)

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._code = "head.malformed"
        self._head_bytes = 0
        self._unread_bytes = 0  # that came since the parser last made something of them
        self._is_head = True
        self._deadline: asyncio.TimerHandle | None = None
        self._wait_for_a_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which would collect a header, or a chunk's extension, without an end."""
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > _HEAD_BYTES and not self.transport.is_closing():
            self._code = "head.too_large"
            self.send_400_response("no end")

    def on_body(self, body: bytes) -> None:
        """Read a piece of the body."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Read no more of this request."""
        self._unread_bytes = 0
        super().on_message_complete()

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        super().on_message_begin()
        self._head_bytes = 0
        self._is_head = True
        self._wait_for_a_head()

    def on_url(self, url: bytes) -> None:
        """Read a piece of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; a trailer is counted and left out (RFC 9110 section 6.5.1)."""
        self._count(len(name) + len(value))
        if self._is_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Judge the head, and begin to answer."""
        self._is_head = False
        self._unread_bytes = 0
        self._stop_waiting()
        if not self.url.startswith(b"/"):
            self._judge_target()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Refuse a handshake that the WebSocket library would answer in its own words."""
        named = dict(self.scope["headers"])
        versions, key = named.get(b"sec-websocket-version"), named.get(b"sec-websocket-key", b"")
        if versions != b"13" or not _KEY.fullmatch(key):  # RFC 6455 section 4.1
            self.send_400_response("no handshake")
        else:
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words; ours are the code's
        """Refuse what the parser gave up on."""
        self._stop_waiting()
        if self._is_answering() and self.cycle.response_started:
            self.transport.close()  # in the middle of an answer there is no place for another one
            return
        code = CODES[self._code]
        request_id = secrets.token_hex(12)
        headers, body = bare(code, request_id, self.own_headers)
        lines = [b"HTTP/1.1 %d %s" % (code.status, public(code).title.encode())]
        lines += [name + b": " + value for name, value in headers]
        lines.append(b"connection: close")
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()
        REFUSED_BEFORE.current()(code, request_id, self.client[0] if self.client else "")

    def _judge_target(self) -> None:
        """A target in absolute form names the host that ``Host`` names (RFC 9112 section 3.2.2)."""
        target = httptools.parse_url(self.url)  # raises on what is no URL
        authority = b"%s:%d" % (target.host, target.port) if target.port else target.host
        if [v.lower() for k, v in self.headers if k == b"host"] != [authority.lower()]:
            raise _RefusedError

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete  # None before the first

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _HEAD_BYTES:
            self._code = "head.too_large"
            raise _RefusedError

    def _wait_for_a_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """The head has taken too long; who said nothing at all is told nothing."""
        self._deadline = None
        if self._is_answering():  # nothing is read meanwhile: the next head waits for us
            self._wait_for_a_head()
        elif not self.transport.is_closing():
            self._code = "head.too_slow"
            if self._head_bytes:
                self.send_400_response("the head took too long")
            else:
                self.transport.close()
