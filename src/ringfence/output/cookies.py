"""Cookies: what an application may set, and what it never sees.

Every cookie leaves with ``Secure``, ``HttpOnly`` and ``SameSite=Lax`` or stricter, for this host
only. The refresh cookie belongs to Ringfence's own routes. Other routes may not set it, and it is
taken out of requests to them, so that a leak in the application does not leak sessions.

Sources: RFC 6265bis; OWASP ASVS 5.0 section 3.3; MUSTS S05 and S06; DESIGN section 4.
"""

import re
from typing import Final

#: Where the refresh token travels (DESIGN section 6).
REFRESH_COOKIE: Final = b"__Host-rf_refresh"
_REFRESH_NAME: Final = REFRESH_COOKIE.decode()

#: Name and value together (ASVS 3.3.5).
MOST_BYTES: Final = 4096

#: RFC 6265bis 4.1.1 and 5.6: control characters end or split the header.
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")


def policed(cookie: bytes, *, secure: bool) -> bytes | None:
    """A ``Set-Cookie`` value of the application as it may leave; None if it may not.

    Args:
        cookie: The header's value, ``name=value; attribute; …``.
        secure: Whether browsers take ``Secure`` here: by TLS, or on loopback.
    """
    pair, *attributes = cookie.split(b";")
    name, equals, value = pair.partition(b"=")
    name = name.strip(b" \t")
    if _CONTROL.search(cookie) or not equals or not _TOKEN.match(name):
        return None
    if len(name) + len(value.strip(b" \t")) > MOST_BYTES:
        return None
    if name.lower() == REFRESH_COOKIE.lower():  # browsers compare prefixes without case
        return None
    kept = [pair]
    same_site = b" SameSite=Lax"
    for attribute in attributes:
        key, _, setting = attribute.strip(b" \t").partition(b"=")
        match key.strip(b" \t").lower():
            case b"domain" | b"secure" | b"httponly" | b"":
                continue
            case b"samesite":
                if setting.strip(b" \t").lower() == b"strict":
                    same_site = b" SameSite=Strict"
            case _:
                kept.append(attribute)
    kept += [b" HttpOnly", same_site]
    if secure:
        kept.append(b" Secure")
    return b";".join(kept)


def without_refresh(header: bytes) -> bytes:
    """A ``Cookie`` header's value without the refresh cookie; the others stay byte for byte."""
    if REFRESH_COOKIE not in header:
        return header
    kept = [pair for pair in header.split(b";") if _request_name(pair) != _REFRESH_NAME]
    return b";".join(kept).lstrip(b" \t")


def _request_name(pair: bytes) -> str:
    """The name as a lenient parser reads it: frameworks trim with Unicode's idea of a space."""
    return pair.partition(b"=")[0].decode("latin-1").strip()
