"""What a browser makes of a password before it sends it, after API.md alone.

Written a second time on purpose: the attacker shares no code with what is attacked, so that each
sign-in also shows that the documented steps are the real ones.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from argon2.low_level import Type, hash_secret_raw

_INFO: Final = b"ringfence sign-in v1"
_BYTES: Final = 32


def derive(password: str, prelogin: Mapping[str, Any]) -> str:
    """The key of ``password``, with the salt and parameters that were given. Slow by intent."""
    kdf, salt = prelogin["kdf"], str(prelogin["salt"])
    stretched = hash_secret_raw(
        password.encode(),
        urlsafe_b64decode(salt + "=" * (-len(salt) % 4)),
        time_cost=kdf["t"],
        memory_cost=kdf["m"],
        parallelism=kdf["p"],
        hash_len=kdf["len"],
        type=Type.ID,
    )
    extracted = hmac.digest(bytes(_BYTES), stretched, hashlib.sha256)  # RFC 5869, empty salt
    return _encoded(hmac.digest(extracted, _INFO + b"\x01", hashlib.sha256))


def guess() -> str:
    """A wrong key. To the application it is like any other, and costs the attacker nothing."""
    return _encoded(secrets.token_bytes(_BYTES))


def _encoded(key: bytes) -> str:
    return urlsafe_b64encode(key).rstrip(b"=").decode()
