"""Codes of an authenticator app: six digits that a shared secret gives for 30 seconds.

A code is good for its own step and for one before and after it, because clocks differ; the step
that was used is stored, and neither it nor an older one is good again. So `123456`, `123 456` and
full-width digits are one code, and 50 parallel uses of it give one success (Ledger 27).

The server has to know the secret, so it is sealed under a key that is not in the database. It is
derived from a pepper, which is kept for as long as the database is.

Sources: RFC 6238, RFC 4226; NIST SP 800-63B-4 section 3.1.4; ASVS 5.0 6.5.1, 6.5.5, 6.6.3.
"""

import hmac
import unicodedata
from base64 import b32encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyotp.hotp import HOTP
from pyotp.totp import TOTP

from ringfence.core.errors import Refused
from ringfence.core.secret import Secret

STEP: Final = timedelta(seconds=30)
DIGITS: Final = 6
SECRET_BYTES: Final = 20  # RFC 4226 section 4: 160 bits
NONCE_BYTES: Final = 12

#: How many steps a clock may be ahead or behind.
SKEW: Final = 1

_INFO: Final = b"ringfence totp secret v1"


def new_secret(random: Callable[[int], bytes]) -> Secret[str]:
    """A secret as apps take it: 32 characters of base32."""
    return Secret(b32encode(random(SECRET_BYTES)).decode())


def read_code(text: str) -> str:
    """Six ASCII digits, of however they were typed.

    Raises:
        Refused: ``factor.invalid``.
    """
    code = "".join(unicodedata.normalize("NFKC", text[: 4 * DIGITS]).split())
    if len(text) > 4 * DIGITS or len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        raise Refused("factor.invalid", facts={"reason": "no code"})
    return code


def step_of(secret: Secret[str], code: str, now: datetime, after: int) -> int | None:
    """The step whose code this is, of those that are good ``now`` and come after ``after``."""
    hotp = HOTP(secret.reveal(), digits=DIGITS)
    found = None
    for step in _good(now):
        matches = hmac.compare_digest(hotp.at(step), code)
        if matches and step > after:
            found = step
    return found


def address(secret: Secret[str], login: str, issuer: str) -> str:
    """What the QR code says: the key URI that apps read."""
    app = TOTP(secret.reveal(), digits=DIGITS, name=login, issuer=issuer)
    return app.provisioning_uri()


def seal(secret: Secret[str], account_id: str, pepper: Secret[bytes], nonce: bytes) -> bytes:
    """Seal ``secret`` for the row of this account, and no other."""
    return nonce + _cipher(pepper).encrypt(nonce, secret.reveal().encode(), account_id.encode())


def unseal(sealed: bytes, account_id: str, pepper: Secret[bytes]) -> Secret[str]:
    """Open what ``seal`` closed.

    Raises:
        Refused: ``factor.invalid``: the row was tampered with, or is another account's.
    """
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        return Secret(_cipher(pepper).decrypt(nonce, ciphertext, account_id.encode()).decode())
    except (InvalidTag, ValueError) as error:
        raise Refused("factor.invalid", facts={"reason": "sealed otherwise"}) from error


def _good(now: datetime) -> Iterator[int]:
    current = int(now.timestamp()) // int(STEP.total_seconds())
    yield from range(current - SKEW, current + SKEW + 1)


def _cipher(pepper: Secret[bytes]) -> ChaCha20Poly1305:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO)
    return ChaCha20Poly1305(hkdf.derive(pepper.reveal()))
