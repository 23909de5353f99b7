"""Binds a challenge to the browser that asked for it, by a secret that it must show again."""

from collections.abc import Mapping
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

from ringfence.core.errors import Refused
from ringfence.service.call import Call, one_cookie

COOKIE: Final = "__Host-rf_browser"
_ATTRIBUTES: Final = "; Path=/; HttpOnly; Secure; SameSite=Strict"


def shown_browser(call: Call) -> bytes:
    """The digest of the browser's secret.

    Raises:
        Refused: ``factor.invalid``: it shows none.
    """
    shown = one_cookie(call.exchange, COOKIE)
    if not shown:
        raise Refused("factor.invalid", facts={"check": "browser"})
    return sha256(shown.encode()).digest()


def browser(call: Call) -> tuple[bytes, Mapping[str, str]]:
    """The same, and the header that gives a secret to a browser that has none."""
    shown, headers = one_cookie(call.exchange, COOKIE), {}
    if not shown:
        shown = token_urlsafe()
        headers = {"set-cookie": f"{COOKIE}={shown}{_ATTRIBUTES}"}
    return sha256(shown.encode()).digest(), headers
