"""What a client derives from a password, and what it refuses to derive with.

A server that is told to ask for less (a downgrade) would get keys that are cheap to guess, so the
client has a floor of its own; and a ceiling, so that no server makes it run out of memory.

Sources: DESIGN section 6; OWASP Password Storage Cheat Sheet; MUSTS P14.
"""

import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from ringfence.authn import verifier
from ringfence.authn.verifier import KEY_BYTES, SALT_BYTES, Argon2Parameters
from ringfence.core.errors import ConfigurationError, RingfenceError

_MOST_KIB: Final = 1_048_576
_MOST_PASSES: Final = 32
_MOST_LANES: Final = 64


class KdfRefused(RingfenceError):
    """The server asked for parameters that this client does not derive with. Nothing was sent."""


class Kdf(Struct, frozen=True):
    """Parameters of Argon2id: ``m`` in KiB, ``len`` in bytes."""

    alg: str
    m: int
    t: int
    p: int
    len: int


class Derivation(Struct, frozen=True):
    """How one key is derived. ``salt`` is base64url without padding."""

    kdf: Kdf
    salt: str


class Prelogin(Derivation, frozen=True):
    """The answer of ``POST /auth/prelogin``; ``next`` is there while the cost is being raised."""

    next: Derivation | None = None


def proof(password: str, prelogin: Prelogin) -> Mapping[str, str]:
    """The fields of a sign-in that prove ``password``. Slow by intent.

    Raises:
        KdfRefused: Parameters below the floor or above the ceiling, of either key.
    """
    derivations = {"client_key": _checked(prelogin)}
    if prelogin.next is not None:
        derivations["next_key"] = _checked(prelogin.next)
    encoded = unicodedata.normalize("NFC", password).encode()
    keys = {name: verifier.client_key(encoded, *how) for name, how in derivations.items()}
    return {name: urlsafe_b64encode(key).rstrip(b"=").decode() for name, key in keys.items()}


def _checked(derivation: Derivation) -> tuple[bytes, Argon2Parameters]:
    """The salt and the parameters, if both are what this client derives with."""
    kdf = derivation.kdf
    try:
        salt = urlsafe_b64decode(derivation.salt + "==")
        parameters = Argon2Parameters(memory_kib=kdf.m, passes=kdf.t, lanes=kdf.p)
    except (ConfigurationError, Error, ValueError) as error:
        raise KdfRefused(f"{kdf} is weaker than is accepted") from error
    affordable = kdf.m <= _MOST_KIB and kdf.t <= _MOST_PASSES and kdf.p <= _MOST_LANES
    known = kdf.alg == "argon2id" and kdf.len == KEY_BYTES and len(salt) == SALT_BYTES
    if not (affordable and known):
        raise KdfRefused(f"{kdf} is not accepted")
    return salt, parameters
