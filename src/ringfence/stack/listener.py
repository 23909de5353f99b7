"""A listener of its own for what is counted: ``GET /metrics``, and nothing else.

It shares nothing with the application's port, so that no proxy in front shows it by mistake. Each
worker process takes the first port of the range that is free, and is a target of its own for
Prometheus: sums over workers are Prometheus's to make, and a worker that starts anew is seen to.

A web page may send a browser on this machine to a loopback port, under a name of its own (DNS
rebinding). So on loopback ``Host`` must be an address or ``localhost``.
"""

import asyncio
import errno
import ipaddress
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import Listen
from ringfence.monitoring.metrics import CONTENT_TYPE

_HEAD_BYTES: Final = 8192
_HEAD_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 10.0
_ASKING: Final = 64  # connections whose head has not come
_ANSWERED: Final = 8


class Listener:
    """Answers whoever asks for the metrics of this process.

    Args:
        listen: Where.
        answer: What.
    """

    def __init__(self, listen: Listen, answer: Callable[[], Awaitable[str]]) -> None:
        self._listen: Final = listen
        self._answer: Final = answer
        self._server: asyncio.Server | None = None
        self._asking: Final[dict[asyncio.StreamWriter, asyncio.Timeout]] = {}  # the oldest first
        self._answered: Final[set[asyncio.StreamWriter]] = set()

    @property
    def port(self) -> int:
        """The port that was taken; 0 before that."""
        return self._server.sockets[0].getsockname()[1] if self._server else 0

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            ConfigurationError: No port of the range is free, or ours to take.
        """
        for port in self._listen.ports:
            try:
                self._server = await asyncio.start_server(
                    self._serve, self._listen.host, port, limit=_HEAD_BYTES
                )
            except OSError as error:
                reason = os.strerror(error.errno or 0)
                if error.errno != errno.EADDRINUSE:
                    raise ConfigurationError(f"RINGFENCE_METRICS: {reason}") from error
            else:
                return
        raise ConfigurationError(
            "RINGFENCE_METRICS: no port is free; each worker needs one: 127.0.0.1:9464-9467"
        )

    async def close(self) -> None:
        """Listen no more; who is being answered is cut off."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for writer in (*self._asking, *self._answered):
                writer.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                head = await self._head(reader, writer)
                if len(self._answered) < _ANSWERED:
                    self._answered.add(writer)
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        writer.write(await self._respond(head.decode("latin-1").split("\r\n")))
                        await writer.drain()
        finally:
            self._answered.discard(writer)
            writer.close()

    async def _head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """The head of a request.

        Where too many say nothing, the one that has said nothing for longest is cut off: it may
        not keep out whoever asks (CWE-400).
        """
        if len(self._asking) >= _ASKING:
            oldest = next(iter(self._asking))
            self._asking.pop(oldest).reschedule(0)
        async with asyncio.timeout(_HEAD_SECONDS) as self._asking[writer]:
            try:
                return await reader.readuntil(b"\r\n\r\n")
            finally:
                self._asking.pop(writer, None)

    async def _respond(self, lines: list[str]) -> bytes:
        if not self._host_fits(lines[1:]):
            return _response("421 Misdirected Request", "Ask for it by its address.\n")
        method, _, rest = lines[0].partition(" ")
        if rest.partition(" ")[0] != "/metrics":
            return _response("404 Not Found", "There is /metrics.\n")
        if method != "GET":
            return _response("405 Method Not Allowed", "There is GET.\n", "allow: GET\r\n")
        return _response("200 OK", await self._answer())

    def _host_fits(self, headers: list[str]) -> bool:
        if not ipaddress.ip_address(self._listen.host).is_loopback:
            return True
        hosts = [value.strip() for name, _, value in map(_split, headers) if name == "host"]
        return len(hosts) == 1 and _is_address(hosts[0])


def _split(header: str) -> tuple[str, str, str]:
    name, colon, value = header.partition(":")
    return name.lower(), colon, value


def _is_address(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    with suppress(ValueError):
        ipaddress.ip_address(name.strip("[]"))
        return True
    return name.lower() == "localhost"


def _response(status: str, text: str, more: str = "") -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {CONTENT_TYPE}\r\ncontent-length: {len(body)}\r\n"
        f"x-content-type-options: nosniff\r\ncache-control: no-store\r\n{more}"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
