"""What a password becomes: salt, client key, and the digest that is stored.

The slow step (Argon2id) belongs to the client; the server stores ``HMAC(pepper, client key)``, so
that a check costs it microseconds, and a stolen table is no credential: each offline guess costs
an Argon2id and needs the pepper. The salt is derived from the login, so that it exists for every
login, known or not, and no answer tells which (ATTACKS U03).

The steps are API.md's; ``docs/vectors/client_key.json`` holds vectors for every implementation.

Sources: RFC 9106 (Argon2), RFC 5869 (HKDF); NIST SP 800-63B-4 3.1.1.2; ASVS 5.0 11.4.2; MUSTS P13,
P14, P17.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ringfence.core.errors import ConfigurationError
from ringfence.core.secret import Secret

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
_INFO: Final = b"ringfence sign-in v1"
_WRITTEN: Final = re.compile(r"argon2id m=([0-9]+) t=([0-9]+) p=([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Parameters:
    """The cost of one guess. Below OWASP's floor the start is refused (MUSTS P14)."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        if self.memory_kib < 19_456 or self.passes < 2 or self.lanes < 1:  # noqa: PLR2004  # OWASP
            raise ConfigurationError("Argon2id: weaker than m=19456 t=2 p=1")

    def __str__(self) -> str:
        """As ``StoredVerifier.kdf`` holds it."""
        return f"argon2id m={self.memory_kib} t={self.passes} p={self.lanes}"

    @classmethod
    def parse(cls, text: str) -> "Argon2Parameters":
        """What ``str`` made ``text`` of. Raises ConfigurationError."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ConfigurationError("Argon2id: these are no parameters")
        memory_kib, passes, lanes = map(int, found.groups())
        return cls(memory_kib=memory_kib, passes=passes, lanes=lanes)


ARGON2ID: Final = Argon2Parameters()


def salt(key: Secret[bytes], tenant: str, login: str) -> bytes:
    """The salt of a normalised login: the same on every call, whether the login is known or not."""
    message = b"\0".join((b"salt v1", tenant.encode(), login.encode()))
    return hmac.digest(key.reveal(), message, hashlib.sha256)[:SALT_BYTES]


def client_key(password: bytes, salt: bytes, parameters: Argon2Parameters) -> bytes:
    """The client's step: 32 bytes that stand for the password. Slow by intent.

    ``password`` is in NFC as UTF-8.
    """
    stretched = hash_secret_raw(
        password,
        salt,
        time_cost=parameters.passes,
        memory_cost=parameters.memory_kib,
        parallelism=parameters.lanes,
        hash_len=KEY_BYTES,
        type=Type.ID,
    )
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=_INFO).derive(stretched)


def digest(pepper: Secret[bytes], client_key: bytes) -> bytes:
    """What is stored of a client key."""
    return hmac.digest(pepper.reveal(), client_key, hashlib.sha256)
