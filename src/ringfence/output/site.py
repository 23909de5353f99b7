"""One site's responses: the headers of all of them, and those that an application may add.

The application's headers are read once. Those that belong to the layer are replaced, harmful ones
are corrected or dropped, and the others stay unchanged.
"""

from dataclasses import dataclass, field
from typing import Final

from ringfence.core.asgi import Message
from ringfence.core.codes import CODES
from ringfence.core.exchange import Exchange
from ringfence.core.policy import public
from ringfence.output import csp
from ringfence.output.cookies import policed
from ringfence.output.fields import NO_VEIL, Veil
from ringfence.output.headers import (
    CACHING,
    CSP,
    DISPOSITION,
    NO_STORE,
    OWNED,
    REQUEST_ID,
    Header,
    may_be_stored,
    names_page,
    well_formed,
)
from ringfence.output.page import attached, declared
from ringfence.output.scrub import CLIENT_ERROR

_COOKIE: Final = b"set-cookie"
_READERS: Final = b"access-control-allow-origin"
_JUDGED: Final = OWNED | CACHING | {_COOKIE, _READERS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is built once for all responses."""

    fixed: tuple[Header, ...]
    origins: frozenset[str]  # where redirects may lead, and whose scripts may read answers
    secure_cookies: bool  # whether browsers take ``Secure`` here: by TLS, or on loopback
    veil: Veil = NO_VEIL  # over fields of rows
    api: tuple[Header, ...] = field(init=False)  # for answers that are no pages
    html: tuple[Header, ...] = field(init=False)
    attachment: tuple[Header, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "api", (*self.fixed, (CSP, csp.policy(csp.API))))
        object.__setattr__(self, "html", (*self.fixed, (CSP, csp.policy(csp.HTML))))
        inert = (CSP, csp.policy(csp.ATTACHMENT))
        object.__setattr__(self, "attachment", (*self.fixed, inert))

    def headers(self, exchange: Exchange, start: Message) -> list[Header]:
        """The headers with which a response of the application leaves."""
        kept: list[Header] = []
        caching: list[Header] = []
        page = False
        for name, value in start.get("headers", ()):
            key = name.lower()
            if not well_formed(key, value):
                tell(exchange, "header.policed", start, header=key.decode("latin-1"))
            elif key == b"content-type":
                page = names_page(value)
                kept.append((key, value))
            elif key not in _JUDGED:
                kept.append((key, value))
            elif key in CACHING:
                caching.append((key, value))
            elif key == _COOKIE:
                kept += self._cookie(exchange, start, value)
            elif key == _READERS:
                kept += self._readers(exchange, start, value)
        disposition = attached(exchange) if exchange.state else None
        if disposition is not None:
            kept = [header for header in kept if header[0] != DISPOSITION]
            kept += (*self.attachment, (DISPOSITION, disposition))
        else:
            kept += self._security(exchange, page=page)
        kept += caching if caching and _stored(exchange, start, kept, caching) else (NO_STORE,)
        kept.append((REQUEST_ID, exchange.request_id.encode()))
        kept += exchange.announced
        return kept

    def _security(self, exchange: Exchange, *, page: bool) -> tuple[Header, ...]:
        if exchange.state:
            directives, nonce = declared(exchange)
            if directives or nonce:
                base = csp.HTML if page else csp.API
                return (*self.fixed, (CSP, csp.policy(base, directives, nonce)))
        return self.html if page else self.api

    def _readers(self, exchange: Exchange, start: Message, origin: bytes) -> tuple[Header, ...]:
        """Who may read the answer from another origin: only listed origins, never ``*``."""
        if origin.decode("latin-1") in self.origins:
            return ((_READERS, origin),)
        tell(exchange, "header.policed", start, header=_READERS.decode())
        return ()

    def _cookie(self, exchange: Exchange, start: Message, value: bytes) -> tuple[Header, ...]:
        if own(exchange):
            return ((_COOKIE, value),)
        corrected = policed(value, secure=self.secure_cookies)
        if corrected is None:
            tell(exchange, "cookie.policed", start)
            return ()
        if corrected != value:
            exchange.traces.append(CODES["cookie.policed"])
        return ((_COOKIE, corrected),)


def own(exchange: Exchange) -> bool:
    """Whether the request goes to one of Ringfence's own routes: they set the refresh cookie."""
    return exchange.entry is not None and exchange.entry.own


def tell(exchange: Exchange, code: str, start: Message, **facts: str) -> None:
    """Log what was not allowed to leave."""
    exchange.traces.append(CODES[code])
    exchange.sink.emit(exchange.event(code, facts, status=start.get("status")))


def _stored(exchange: Exchange, start: Message, kept: list[Header], caching: list[Header]) -> bool:
    """Whether anybody may store the answer: the application says so, and the route is public."""
    entry = exchange.entry
    return (
        entry is not None
        and entry.policy == public
        and exchange.scope.get("method") in ("GET", "HEAD")
        and start.get("status", 0) < CLIENT_ERROR
        and may_be_stored(caching)
        and declared(exchange)[1] is None  # a nonce that is stored is known to everybody
        and all(name != _COOKIE for name, _ in kept)
    )
