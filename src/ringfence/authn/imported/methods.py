"""How other programs hash passwords: each method with its cost, and a limit to that.

A hash says itself what it costs to verify. A planted one that asks for 2^31 rounds would occupy a
worker for hours, so what costs more than these limits is no method at all: it is refused when it is
imported, and is never computed (Ledger 34). Nothing here makes new passwords.

Sources: RFC 7914 (scrypt), RFC 8018 (PBKDF2), RFC 9106 (Argon2); MUSTS P15, P16.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final, Literal, Protocol, Self
from unicodedata import normalize

import bcrypt
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ringfence.authn.imported.refusal import Reason, Unusable

#: Memory of one verification. Up to three are under way in a process (``authn.hashing``).
MOST_BYTES: Final = 128 * 2**20
#: Memory that is written in one verification, over all passes: about a second.
MOST_WRITTEN_BYTES: Final = 512 * 2**20
#: PBKDF2: about a second.
MOST_ITERATIONS: Final = 2_000_000
#: bcrypt: each step doubles the time; 14 takes about a second.
MOST_BCRYPT: Final = 14
#: What bcrypt looks at: a longer password is compared with nothing (MUSTS P10, P15).
BCRYPT_BYTES: Final = 72

#: Argon2: each lane is a thread.
MOST_LANES: Final = 16

_HASH_BYTES: Final = {"sha1": 20, "sha256": 32, "sha512": 64}


class Method(Protocol):
    """One way to hash, with its cost. ``str`` of it is what ``method`` reads."""

    def fits(self, salt: int, digest: int) -> bool:
        """Whether a salt and a hash can have so many bytes."""
        ...

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes | None:
        """The hash, of ``length`` bytes; None: this method has none of such a password."""
        ...


@dataclass(frozen=True, slots=True)
class Argon2:
    """Argon2 of a variant (``argon2id``, ``argon2i``, ``argon2d``)."""

    variant: str
    version: int
    memory_kib: int
    passes: int
    lanes: int

    def __post_init__(self) -> None:
        memory = self.memory_kib * 1024
        _limit(memory, MOST_BYTES)
        _limit(memory * self.passes, MOST_WRITTEN_BYTES)
        _limit(self.lanes, MOST_LANES)
        possible = self.passes >= 1 and self.lanes >= 1 and self.memory_kib >= 8 * self.lanes
        if not possible or self.version not in {16, 19}:
            raise Unusable(Reason.HASH_MALFORMED)

    def __str__(self) -> str:
        cost = f"m={self.memory_kib} t={self.passes} p={self.lanes}"
        return f"{self.variant} v={self.version} {cost}"

    def fits(self, salt: int, digest: int) -> bool:
        """See ``Method``."""
        return salt >= 8 and 16 <= digest <= 128  # noqa: PLR2004  # RFC 9106 section 3.1

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes:
        """See ``Method``."""
        return hash_secret_raw(
            password,
            salt,
            time_cost=self.passes,
            memory_cost=self.memory_kib,
            parallelism=self.lanes,
            hash_len=length,
            type=_VARIANTS[self.variant],
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class Scrypt:
    """scrypt; ``n`` is the cost itself, a power of two."""

    n: int
    r: int
    p: int

    def __post_init__(self) -> None:
        _limit(128 * self.r * (self.n + self.p), MOST_BYTES)
        _limit(128 * self.r * self.n * self.p, MOST_WRITTEN_BYTES)
        possible = min(self.r, self.p) >= 1 and 2 <= self.n < 1 << 16 * self.r  # noqa: PLR2004  # RFC
        if not possible or self.n & (self.n - 1):
            raise Unusable(Reason.HASH_MALFORMED)

    def __str__(self) -> str:
        return f"scrypt n={self.n} r={self.r} p={self.p}"

    def fits(self, salt: int, digest: int) -> bool:
        """See ``Method``."""
        return salt >= 1 and 16 <= digest <= 128  # noqa: PLR2004  # what is shorter is cut off

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes:
        """See ``Method``."""
        room = 128 * self.r * (self.n + self.p + 2)
        return hashlib.scrypt(
            password, salt=salt, n=self.n, r=self.r, p=self.p, maxmem=room, dklen=length
        )


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """PBKDF2 with HMAC of a hash (``sha1``, ``sha256``, ``sha512``)."""

    algorithm: str
    iterations: int

    def __post_init__(self) -> None:
        _limit(self.iterations, MOST_ITERATIONS)
        if self.iterations < 1:
            raise Unusable(Reason.HASH_MALFORMED)

    def __str__(self) -> str:
        return f"pbkdf2-{self.algorithm} i={self.iterations}"

    def fits(self, salt: int, digest: int) -> bool:
        """See ``Method``."""
        return salt >= 1 and 16 <= digest <= _HASH_BYTES[self.algorithm]  # noqa: PLR2004  # one block

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes:
        """See ``Method``."""
        return hashlib.pbkdf2_hmac(self.algorithm, password, salt, self.iterations, length)


@dataclass(frozen=True, slots=True)
class Bcrypt:
    """bcrypt, of the password or of its SHA-256 in hexadecimal, as Django does it.

    bcrypt ends at a NUL and at 72 bytes, and programs differ in what they did with the rest. Nobody
    is let in by the beginning of a password: whoever has such a one sets a new one by mail.
    """

    cost: int
    prehash: Literal["", "sha256"] = ""

    def __post_init__(self) -> None:
        _limit(self.cost, MOST_BCRYPT)
        if self.cost < 4:  # noqa: PLR2004  # bcrypt's own least
            raise Unusable(Reason.HASH_MALFORMED)

    def __str__(self) -> str:
        return f"bcrypt{'-' if self.prehash else ''}{self.prehash} r={self.cost}"

    def fits(self, salt: int, digest: int) -> bool:
        """See ``Method``."""
        return salt == 22 and digest == 31  # noqa: PLR2004  # in its own characters

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes | None:
        """See ``Method``. ``salt`` and hash are in bcrypt's own characters."""
        if self.prehash:
            password = hashlib.sha256(password).hexdigest().encode()
        if len(password) > BCRYPT_BYTES or b"\0" in password:
            # The same work for what cannot match: the time says nothing of the hash's kind.
            password, length = b"", 0
        made = bcrypt.hashpw(password, b"$2b$%02d$%s" % (self.cost, salt))
        return made[-31:] if length else None


@dataclass(frozen=True, slots=True)
class FirebaseScrypt:
    """Firebase's scrypt: the key that it derives encrypts the project's signer key.

    Source: github.com/firebase/scrypt.
    """

    scrypt: Scrypt
    separator: bytes = b""
    signer: bytes = b""

    def __str__(self) -> str:
        return f"firebase-{self.scrypt}"

    def fits(self, salt: int, digest: int) -> bool:
        """See ``Method``."""
        return salt >= 1 and digest == (len(self.signer) or digest)

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes:
        """See ``Method``; ``length`` is the signer key's."""
        key = self.scrypt.derive(password, salt + self.separator, 32)
        encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()
        return encryptor.update(self.signer or bytes(length)) + encryptor.finalize()


_VARIANTS: Final = {"argon2d": Type.D, "argon2i": Type.I, "argon2id": Type.ID}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hash:
    """What a row of another program says of a password."""

    method: Method
    salt: bytes
    digest: bytes

    def __post_init__(self) -> None:
        if not self.method.fits(len(self.salt), len(self.digest)):
            raise Unusable(Reason.HASH_MALFORMED)

    @classmethod
    def like(cls, kind: str) -> Self:
        """A hash that costs as much to compare as those of ``kind``, ``str`` of their method."""
        method = _read(kind)
        if isinstance(method, Bcrypt):
            return cls(method=method, salt=b"." * 22, digest=bytes(31))
        return cls(method=method, salt=bytes(16), digest=bytes(20))

    def matches(self, password: str) -> bool:
        """Whether the hash was made of ``password``. Slow by intent.

        Programs differ in how they normalise Unicode, and keyboards in what they send, so each
        spelling is tried. How many there are depends on what was typed, not on the hash.
        """
        matched = False
        for spelling in dict.fromkeys([password, *(normalize(form, password) for form in _FORMS)]):
            made = self.method.derive(spelling.encode(), self.salt, len(self.digest))
            matched |= made is not None and hmac.compare_digest(made, self.digest)
        return matched


_FORMS: Final = ("NFC", "NFD", "NFKC")  # better-auth hashes NFKC, most others what was sent


def _read(kind: str) -> Method:
    found = _KIND.fullmatch(kind)
    if found is None:
        raise Unusable(Reason.HASH_UNKNOWN)
    name, cost = found[1], [int(number) for number in re.findall(r"=([0-9]+)", found[2])]
    if name in _VARIANTS:
        return Argon2(name, *cost)
    if name == "scrypt":
        return Scrypt(*cost)
    if name == "firebase-scrypt":
        return FirebaseScrypt(Scrypt(*cost))
    if name == "bcrypt":
        return Bcrypt(cost[0])
    if name == "bcrypt-sha256":
        return Bcrypt(cost[0], "sha256")
    return Pbkdf2(name.removeprefix("pbkdf2-"), *cost)


_KIND: Final = re.compile(
    r"(argon2(?:id|i|d)|scrypt|firebase-scrypt|bcrypt|bcrypt-sha256|pbkdf2-sha(?:1|256|512))"
    r"((?: [a-z]=[0-9]{1,10})+)"
)


def _limit(cost: int, most: int) -> None:
    if cost > most:
        raise Unusable(Reason.HASH_COSTLY)


def base64_bytes(text: str) -> bytes:
    """Base64 in any of its usual spellings: padded or not, URL-safe, or passlib's with dots."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/").replace(".", "+")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        raise Unusable(Reason.HASH_MALFORMED) from error
