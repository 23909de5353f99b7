"""Opaque tokens: 256 random bits with a prefix, of which only the SHA-256 is stored.

The prefix tells leak scanners and the log's redaction what they have found. A plain hash is enough
for a secret that nobody can guess (ASVS 6.5.2 asks for more below 112 bits).
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final, TypeAlias

from ringfence.core.secret import Secret

#: Gives so many random bytes; ``secrets.token_bytes`` outside of tests.
Random: TypeAlias = Callable[[int], bytes]

REFRESH: Final = "rf_rt_"
LINK: Final = "rf_ln_"
TICKET: Final = "rf_tk_"

TOKEN_BYTES: Final = 32
_ENCODED_LENGTH: Final = 43
_ID_LENGTH: Final = 32


def new(prefix: str, random: Random) -> str:
    """A new token: the prefix and 43 characters of base64url."""
    return prefix + urlsafe_b64encode(random(TOKEN_BYTES)).rstrip(b"=").decode()


def new_id(random: Random) -> str:
    """An id that says nothing: 128 random bits in hexadecimal."""
    return random(_ID_LENGTH // 2).hex()


def could_be_id(text: str) -> bool:
    """Whether ``text`` has the shape of an id."""
    return len(text) == _ID_LENGTH and text.isascii() and text.isalnum()


def digest(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def could_be(token: str, prefix: str) -> bool:
    """Whether ``token`` has the shape of one with ``prefix``; spares the store the rest."""
    length = len(prefix) + _ENCODED_LENGTH
    return len(token) == length and token.startswith(prefix) and token.isascii()


def pseudonym(login: str, key: Secret[bytes]) -> str:
    """How a login is named in counters and events: people type passwords into that field.

    The same for logins that exist and those that do not, and worth nothing without the key.
    """
    return hmac.digest(key.reveal(), login.encode(), "sha256")[:16].hex()
