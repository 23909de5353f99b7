"""The load: a few connections that are kept alive, one request under way on each.

Blocking sockets in a ring. On every connection stands a request that the server has not answered
yet, so the server never waits for the load; the next answer is read where the oldest request is.
It costs about a third of what the cheapest ASGI application costs uvicorn; how busy it was is
measured each time and reported, and above ``BUSY`` the numbers say more about it than about the
server.
"""

import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from bench.contest import Request
from bench.server import Server

#: The share of its core beyond which the load holds the server up.
BUSY: Final = 0.9

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
_PIECE: Final = 65_536
_PATIENCE_SECONDS: Final = 60

#: What a browser's script sends beside what the request itself needs.
_USUAL: Final = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "application/json",
    "Accept-Language": "en-GB,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
    "Cache-Control": "no-cache",
    "Connection": "keep-alive",
}


class UnexpectedAnswerError(Exception):
    """A request was answered with another status than 200: nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one server did in one turn."""

    per_second: float
    server_cpu: float  # seconds of the server's CPU for each request
    busy: float  # the load's own share of its core, 0 to 1


class Load:
    """Connections to one server; the ``n``-th sends the ``n``-th request, again and again.

    Each connection has a source address of its own (127.0.0.N), as each person has.
    """

    def __init__(self, server: Server, requests: Sequence[Request]) -> None:
        self._server: Final = server
        self._ring: Final = [
            (_connect(server.port, f"127.0.0.{number}"), _encoded(request, server.port))
            for number, request in enumerate(requests, 10)
        ]

    def __enter__(self) -> Self:
        """Nothing more: the connections are there."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        for connection, _ in self._ring:
            connection.close()

    def run(self, seconds: float) -> Measured:
        """Send for as long as that, then take what is still to come.

        Raises:
            UnexpectedAnswerError: The server refused something.
        """
        done = 0
        cpu, own, started = self._server.cpu(), time.process_time(), time.perf_counter()
        ends = started + seconds
        for connection, request in self._ring:
            connection.sendall(request)
        while time.perf_counter() < ends:
            for connection, request in self._ring:
                _read(connection)
                connection.sendall(request)
            done += len(self._ring)
        for connection, _ in self._ring:
            _read(connection)
        done += len(self._ring)
        took = time.perf_counter() - started
        return Measured(
            per_second=done / took,
            server_cpu=(self._server.cpu() - cpu) / done,
            busy=(time.process_time() - own) / took,
        )


def _connect(port: int, source: str) -> socket.socket:
    connection = socket.create_connection(
        ("127.0.0.1", port), timeout=_PATIENCE_SECONDS, source_address=(source, 0)
    )
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _encoded(request: Request, port: int) -> bytes:
    headers = {"Host": f"127.0.0.1:{port}", **_USUAL, **request.headers}
    body = request.body.encode()
    if body:
        headers["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _read(connection: socket.socket) -> None:
    """Take one answer off the connection: all of it, and nothing but it."""
    data = connection.recv(_PIECE)
    while (end := data.find(_END)) < 0:
        data += _more(connection, data)
    length = _LENGTH.search(data, 0, end)
    if not data.startswith(b"HTTP/1.1 200 ") or length is None:
        raise UnexpectedAnswerError(data.decode("utf-8", "replace"))
    missing = end + len(_END) + int(length[1]) - len(data)
    while missing > 0:
        missing -= len(_more(connection, data))


def _more(connection: socket.socket, so_far: bytes) -> bytes:
    piece = connection.recv(_PIECE)
    if not piece:
        raise UnexpectedAnswerError(f"the connection ended after {so_far!r}")
    return piece
