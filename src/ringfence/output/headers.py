"""The security headers of every response, as bytes that are built once.

An application's own values of them are not sent. The exception is a Content-Security-Policy: the
browser applies both policies, so the application's can only tighten what the layer allows.

Sources: OWASP ASVS 5.0 section 3.4 and 14.3; OWASP HTTP Headers Cheat Sheet; MUSTS C01-C04, C06.
"""

import re
from datetime import timedelta
from functools import lru_cache
from typing import Final, TypeAlias

Header: TypeAlias = tuple[bytes, bytes]

NO_STORE: Final[Header] = (b"cache-control", b"no-store")
CSP: Final = b"content-security-policy"
DISPOSITION: Final = b"content-disposition"
REQUEST_ID: Final = b"x-request-id"

_ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),  # for what does not know frame-ancestors
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
)
#: The answer may depend on where the request comes from: whoever keeps it must ask (MUSTS C04).
_VARY: Final[Header] = (b"vary", b"Origin, Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest")
_HSTS: Final = b"strict-transport-security"
#: Beyond the year that ASVS 3.4.1 asks for.
TWO_YEARS: Final = timedelta(days=730)

#: What only the layer may set, and what would tell a stranger which software answers.
OWNED: Final = frozenset({name for name, _ in _ALWAYS}) | {
    _HSTS,
    REQUEST_ID,
    b"server",
    b"x-powered-by",
    b"refresh",  # a redirect that nobody checks
}
#: What decides about storing; the application's own values are sent only if ``may_be_stored``.
CACHING: Final = frozenset(
    {
        b"cache-control",
        b"cdn-cache-control",  # RFC 9213: a CDN puts it above Cache-Control
        b"cloudflare-cdn-cache-control",
        b"expires",
        b"pragma",
        b"surrogate-control",
    }
)

#: What most responses carry: names that need no look at their grammar.
_COMMON: Final = frozenset({b"content-length", b"content-type", b"etag", b"last-modified", b"vary"})

#: RFC 9110 5.5 and 5.6.2.
_BAD_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z").match
_STORED: Final = re.compile(rb"(?:^|[ ,])(?:public|immutable)(?:[ ,]|\Z)", re.IGNORECASE)


def fixed(
    *, secure: bool, max_age: timedelta = TWO_YEARS, subdomains: bool = True
) -> tuple[Header, ...]:
    """The headers that every response carries; HSTS means something by TLS alone (RFC 6797 7.2).

    Args:
        secure: Whether browsers reach the site by TLS.
        max_age: How long browsers insist on it; nothing makes them forget (RFC 6797 6.1.1).
        subdomains: Whether they insist on it for every name below the site's, too.
    """
    if not secure:
        return (*_ALWAYS, _VARY)
    value = f"max-age={max_age // timedelta(seconds=1)}" + "; includeSubDomains" * subdomains
    return (*_ALWAYS, _VARY, (_HSTS, value.encode()))


def well_formed(name: bytes, value: bytes) -> bool:
    """Whether this is one header, and stays one on the wire (ATTACKS I08)."""
    return not _BAD_VALUE(value) and (name in _COMMON or bool(_NAME(name)))


@lru_cache(maxsize=64)
def names_page(content_type: bytes) -> bool:
    """Whether a browser renders this as a page."""
    return content_type[:9].lower() == b"text/html" or b"xhtml" in content_type


def may_be_stored(caching: list[Header]) -> bool:
    """Whether the application says that anybody may store it: ``public``, ``immutable``."""
    return any(name == NO_STORE[0] and _STORED.search(value) for name, value in caching)
