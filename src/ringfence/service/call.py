"""One call of the auth service: the request, the exchange it belongs to, and what to answer."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ringfence.authn.sessions import Device
from ringfence.core.asgi import ASGIApp, Receive, Scope, Send
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import SCOPE_KEY, Exchange, trace
from ringfence.core.principal import Principal
from ringfence.core.seam import Seam
from ringfence.service import wire

MessageT = TypeVar("MessageT", bound=Struct)

#: Where the refresh token travels (DESIGN section 6).
COOKIE: Final = "__Host-rf_refresh"
_ATTRIBUTES: Final = "; Path=/; HttpOnly; Secure; SameSite=Strict"
CLEARED: Final = f"{COOKIE}={_ATTRIBUTES}; Max-Age=0"

_MOST_USER_AGENT: Final = 256


class Call:
    """What handlers are given."""

    __slots__ = ("exchange", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.exchange: Exchange = request.scope[SCOPE_KEY]

    @property
    def now(self) -> datetime:
        """The time of this request, the same for everything that it does."""
        return self.exchange.now

    @property
    def client(self) -> str:
        """The client's address, as the network layer found it."""
        return self.exchange.client

    @property
    def principal(self) -> Principal:
        """Who is signed in.

        Raises:
            Refused: ``token.missing``.
        """
        if self.exchange.principal is None:
            raise Refused("token.missing")
        return self.exchange.principal

    @property
    def device(self) -> Device:
        """Where the call comes from, for the owner's list of sessions."""
        user_agent = self.request.headers.get("user-agent", "")[:_MOST_USER_AGENT]
        printable = "".join(filter(str.isprintable, user_agent))
        return Device(client=self.client, user_agent=printable)

    @property
    def refresh_token(self) -> str | None:
        """The refresh token that the browser shows."""
        return SHOWN.current()(self.exchange)

    def parameter(self, name: str) -> str:
        """A parameter of the path."""
        return self.exchange.match.parameters[name]

    async def message(self, kind: type[MessageT]) -> MessageT:
        """The body. Raises as ``wire.decode`` does."""
        return wire.decode(await self.request.body(), kind)

    def site(self, origin: str) -> str:
        """Under which address mailed links lead back: the configured one (Ledger 25).

        The prefix under which the server mounts us is the server's word, not the client's.
        """
        return SITE.current()(origin, self.request) + self.request.scope.get("root_path", "")

    def note(self, code: str, *, subject: str | None = None, **facts: str) -> None:
        """Write down what happened."""
        self.exchange.sink.emit(self.exchange.event(code, facts, subject=subject))


def _configured(origin: str, _request: Request) -> str:
    trace("link.built")
    return origin


#: Which origin mailed links lead to, of the configured one and the request.
SITE: Final = Seam[Callable[[str, Request], str]](Layer.AUTHN, _configured)


def one_cookie(exchange: Exchange, wanted: str) -> str | None:
    r"""What the one cookie of this name holds.

    Read byte for byte: the framework's parser trims what Python calls a space off the name, so a
    sibling subdomain could plant ``\xa0__Host-rf_refresh``, for which no browser asks what the
    prefix promises, and sign the user in to its own account. Of two cookies of the name one was
    planted by somebody else; so neither is used (ATTACKS U05).
    """
    pairs = exchange.headers.get(b"cookie", b"").decode("latin-1").split(";")
    named = (pair.strip(" \t").partition("=") for pair in pairs)
    found = [value for name, _, value in named if name == wanted]
    return found[0] if len(found) == 1 else None


def _in_the_cookie(exchange: Exchange) -> str | None:
    return one_cookie(exchange, COOKIE)


#: Where the refresh token of a request is.
SHOWN: Final = Seam[Callable[[Exchange], str | None]](Layer.AUTHN, _in_the_cookie)


#: The attributes of the refresh cookie.
ATTRIBUTES: Final = Seam[str](Layer.AUTHN, _ATTRIBUTES)


Handler: TypeAlias = Callable[[Call], Awaitable[Response]]


def answering(handler: Handler) -> ASGIApp:
    """``handler`` as an ASGI application. What it refuses is answered by the pipeline."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handler(Call(Request(scope, receive)))
        await response(scope, receive, send)

    return app


def answer(
    message: Struct, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(message), status, headers, "application/json")


def nothing(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    return Response(status_code=status, headers=headers)


def refresh_cookie(token: str, lifetime: timedelta) -> str:
    """The ``Set-Cookie`` value that carries a refresh token."""
    return f"{COOKIE}={token}{ATTRIBUTES.current()}; Max-Age={int(lifetime.total_seconds())}"
