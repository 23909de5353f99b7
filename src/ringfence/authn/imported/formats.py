"""The texts in which other programs keep hashes, recognised by how they look.

    $2b$12$…                            bcrypt; $2a$ and $2y$ as well
    $argon2id$v=19$m=…,t=…,p=…$…$…      PHC; argon2i and argon2d as well
    $scrypt$ln=…,r=…,p=…$…$…            PHC, passlib
    $pbkdf2-sha256$…$…$…                passlib; sha512, and $pbkdf2$ for SHA-1
    pbkdf2_sha256$…$…$…                 Django; also pbkdf2_sha1$, scrypt$, argon2$, bcrypt$ and
                                        bcrypt_sha256$
    scrypt:…:…:…$…$…, pbkdf2:…:…$…$…    Werkzeug (Flask)
    32 hex digits : 128 hex digits      better-auth
    firebase-scrypt:…$…$…               ours, of Firebase's export (``firebase``)

Sources: the PHC string format; the programs' own code, tested with hashes that they have made.
"""

import re
from collections.abc import Callable
from typing import Final

from ringfence.authn.imported.methods import (
    Argon2,
    Bcrypt,
    FirebaseScrypt,
    Hash,
    Pbkdf2,
    Scrypt,
    base64_bytes,
)
from ringfence.authn.imported.refusal import Reason, Unusable

#: Longer than any of these.
LONGEST: Final = 1024

_N: Final = r"([0-9]{1,10})"
_B64: Final = r"([A-Za-z0-9+/=._-]+)"
_SALT: Final = r"([^$]+)"


def recognise(text: str) -> Hash:
    """The hash that ``text`` spells.

    Raises:
        Unusable: ``hash.unknown``, ``hash.malformed``, ``hash.costly``.
    """
    if len(text) > LONGEST or not text.isascii():
        raise Unusable(Reason.HASH_MALFORMED)
    for beginning, pattern, read in _FORMATS:
        if beginning.match(text):
            found = pattern.fullmatch(text)
            if found is None:
                raise Unusable(Reason.HASH_MALFORMED)
            return read(*found.groups(default=""))
    raise Unusable(Reason.HASH_UNKNOWN)


def firebase(
    salt: str, digest: str, *, signer: str, separator: str, rounds: int, memory: int
) -> str:
    """Firebase's columns of a person and its project's parameters, as one text."""
    return f"firebase-scrypt:{memory}:{rounds}:{separator}:{signer}${salt}${digest}"


def _argon2(variant: str, version: str, m: str, t: str, p: str, salt: str, digest: str) -> Hash:
    method = Argon2(variant, int(version or 16), int(m), int(t), int(p))
    return Hash(method=method, salt=base64_bytes(salt), digest=base64_bytes(digest))


def _bcrypt(prehash: str, cost: str, salt: str, digest: str) -> Hash:
    method = Bcrypt(int(cost), "sha256" if prehash else "")
    return Hash(method=method, salt=salt.encode(), digest=digest.encode())


def _phc_scrypt(ln: str, r: str, p: str, salt: str, digest: str) -> Hash:
    method = Scrypt(_power(ln), int(r), int(p))
    return Hash(method=method, salt=base64_bytes(salt), digest=base64_bytes(digest))


def _django_scrypt(n: str, salt: str, r: str, p: str, digest: str) -> Hash:
    method = Scrypt(int(n), int(r), int(p))
    return Hash(method=method, salt=salt.encode(), digest=base64_bytes(digest))


def _django_pbkdf2(algorithm: str, iterations: str, salt: str, digest: str) -> Hash:
    method = Pbkdf2(algorithm, int(iterations))
    return Hash(method=method, salt=salt.encode(), digest=base64_bytes(digest))


def _passlib_pbkdf2(algorithm: str, iterations: str, salt: str, digest: str) -> Hash:
    method = Pbkdf2(algorithm or "sha1", int(iterations))
    return Hash(method=method, salt=base64_bytes(salt), digest=base64_bytes(digest))


def _werkzeug_scrypt(n: str, r: str, p: str, salt: str, digest: str) -> Hash:
    method = Scrypt(int(n), int(r), int(p))
    return Hash(method=method, salt=salt.encode(), digest=_hex(digest))


def _werkzeug_pbkdf2(algorithm: str, iterations: str, salt: str, digest: str) -> Hash:
    method = Pbkdf2(algorithm, int(iterations))
    return Hash(method=method, salt=salt.encode(), digest=_hex(digest))


def _better_auth(salt: str, digest: str) -> Hash:
    """The salt is not decoded: its hexadecimal digits are the salt."""
    return Hash(method=Scrypt(16_384, 16, 1), salt=salt.encode(), digest=_hex(digest))


def _firebase(ln: str, r: str, separator: str, signer: str, salt: str, digest: str) -> Hash:
    scrypt = Scrypt(_power(ln), int(r), 1)
    method = FirebaseScrypt(scrypt, base64_bytes(separator), base64_bytes(signer))
    return Hash(method=method, salt=base64_bytes(salt), digest=base64_bytes(digest))


def _power(exponent: str) -> int:
    if int(exponent) > 31:  # noqa: PLR2004  # of two: beyond every limit
        raise Unusable(Reason.HASH_COSTLY)
    return 1 << int(exponent)


def _hex(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise Unusable(Reason.HASH_MALFORMED) from error


def _format(
    beginning: str, rest: str, read: Callable[..., Hash]
) -> tuple[re.Pattern[str], re.Pattern[str], Callable[..., Hash]]:
    return re.compile(beginning), re.compile(beginning + rest), read


#: How a text begins, what stands behind it, and who reads both.
_FORMATS: Final = (
    _format(
        r"(?:argon2)?\$(argon2(?:id|i|d))\$",
        rf"(?:v={_N}\$)?m={_N},t={_N},p={_N}\${_B64}\${_B64}",
        _argon2,
    ),
    _format(
        r"(?:bcrypt\$|bcrypt(_sha256)\$)?\$2[aby]\$",
        r"([0-9]{2})\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})",
        _bcrypt,
    ),
    _format(r"\$scrypt\$", rf"ln={_N},r={_N},p={_N}\${_B64}\${_B64}", _phc_scrypt),
    _format(r"scrypt\$", rf"{_N}\${_SALT}\${_N}\${_N}\${_B64}", _django_scrypt),
    _format(r"scrypt:", rf"{_N}:{_N}:{_N}\${_SALT}\$([0-9a-f]+)", _werkzeug_scrypt),
    _format(r"pbkdf2_(sha1|sha256|sha512)\$", rf"{_N}\${_SALT}\${_B64}", _django_pbkdf2),
    _format(r"pbkdf2:(sha1|sha256|sha512):", rf"{_N}\${_SALT}\$([0-9a-f]+)", _werkzeug_pbkdf2),
    _format(r"\$pbkdf2(?:-(sha256|sha512))?\$", rf"{_N}\${_B64}\${_B64}", _passlib_pbkdf2),
    _format(r"firebase-scrypt:", rf"{_N}:{_N}:([A-Za-z0-9+/=]*):{_B64}\${_B64}\${_B64}", _firebase),
    _format(r"([0-9a-f]{32}):", r"([0-9a-f]{128})", _better_auth),
)
