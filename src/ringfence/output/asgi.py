"""The output layer in the pipeline: what a request may bring in, and everything that leaves."""

import contextlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from ringfence.core.asgi import Send
from ringfence.core.codes import CODES, public
from ringfence.core.errors import Refused
from ringfence.core.exchange import NO_SEAMS, Exchange, Seams
from ringfence.core.ownership import Fields
from ringfence.core.settings import Settings
from ringfence.output import problem
from ringfence.output.cookies import REFRESH_COOKIE, without_refresh
from ringfence.output.fields import Veil
from ringfence.output.guard import Guard, respond
from ringfence.output.headers import fixed
from ringfence.output.site import Site, own

#: What is left to a socket: it is closed.
_SOCKET: Final = "websocket"
#: The answer to a handshake that is refused (ASGI's extension of this name).
_DENIAL: Final = "websocket.http.response"

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

#: RFC 6455 7.4.1: 1008 is "policy violation", for a refusal; 1011 is for an unexpected crash.
_POLICY_VIOLATED: Final = 1008
_UNEXPECTED: Final = 1011


class Output:
    """Guards every answer of one site.

    The pipeline calls ``before`` and ``guard``, hands the guard to the application as its ``send``
    and awaits ``finish`` on it. An exception goes to ``answer`` or ``answer_crash`` with the guard,
    or with the bare ``send`` if there is no guard yet.
    """

    seams: Seams = NO_SEAMS

    def __init__(self, settings: Settings, fields: Iterable[Fields] = ()) -> None:
        host = urlsplit(settings.origin).hostname
        self._longest_wait: Final = timedelta(seconds=settings.retry_after_seconds)
        self._site: Final = Site(
            fixed=fixed(
                secure=settings.secure,
                max_age=settings.hsts_max_age,
                subdomains=settings.hsts_subdomains,
            ),
            origins=frozenset({*settings.allowed_origins, settings.origin}),
            secure_cookies=settings.secure or host in _LOOPBACK,
            veil=Veil(fields),
        )

    def start(self) -> None:
        """Does nothing: this layer has no hooks of the whole process."""

    def close(self) -> None:
        """As ``start``."""

    def before(self, exchange: Exchange) -> None:
        """Take the refresh cookie out of a request, unless it is for Ringfence itself.

        Where fields are hidden, also what would have the application compress its answer.
        """
        if self._site.veil and b"accept-encoding" in exchange.headers:
            exchange.scope["headers"] = uncompressed = [
                each for each in exchange.scope["headers"] if each[0] != b"accept-encoding"
            ]
            exchange.headers = dict(uncompressed)
        if b"cookie" not in exchange.headers:
            return
        headers: list[tuple[bytes, bytes]] = exchange.scope["headers"]
        for name, value in headers:
            if name == b"cookie" and REFRESH_COOKIE in value:
                if not own(exchange):
                    exchange.scope["headers"] = kept = _without_refresh(headers)
                    exchange.headers = dict(kept)
                return

    def guard(self, exchange: Exchange, send: Send) -> Guard:
        """Wrap ``send`` for the application."""
        return Guard(exchange, self._site, send)

    async def answer(self, exchange: Exchange, refused: Refused, send: Send | Guard) -> None:
        """Answer a refusal, unless the client has seen the start of another answer."""
        bare, free = _bare(send)
        kind = _kind(exchange)
        if kind == _SOCKET or (not free and exchange.scope["type"] == "websocket"):
            await _close(bare, _POLICY_VIOLATED)
        elif free:
            wait = refused.retry_after and min(refused.retry_after, self._longest_wait)
            headers = problem.headers(refused.code, retry_after=wait, allow=refused.allow)
            await respond(bare, self._site, exchange, public(refused.code), headers, kind=kind)

    async def answer_crash(self, exchange: Exchange, _error: Exception, send: Send | Guard) -> None:
        """Answer an unforeseen exception: with an id, never with its words."""
        bare, free = _bare(send)
        kind = _kind(exchange)
        if kind == _SOCKET or (not free and exchange.scope["type"] == "websocket"):
            await _close(bare, _UNEXPECTED)
        elif free:
            code, headers = CODES["server.error"], (problem.CONTENT_TYPE,)
            await respond(bare, self._site, exchange, code, headers, kind=kind)


def _bare(send: Send | Guard) -> tuple[Send, bool]:
    """The server's ``send``, and whether an answer can still be given with it."""
    return (send.send, send.discard()) if isinstance(send, Guard) else (send, True)


def _kind(exchange: Exchange) -> str:
    """How an answer can be given: to a handshake only where the server knows how."""
    if exchange.scope["type"] != "websocket":
        return "http.response"
    return _DENIAL if _DENIAL in exchange.scope.get("extensions", ()) else _SOCKET


async def _close(send: Send, code: int) -> None:
    with contextlib.suppress(RuntimeError, OSError):  # the client was faster
        await send({"type": "websocket.close", "code": code})


def _without_refresh(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    kept: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        rest = without_refresh(value) if name == b"cookie" else value
        if rest or not value:
            kept.append((name, rest))
    return kept
