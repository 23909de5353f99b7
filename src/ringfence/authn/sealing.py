"""The successor of a spent refresh token, kept so that only that very token can read it.

A lost answer is repeated with the same successor (Ledger 12), so the server has to remember it;
but whoever reads the database must not find tokens there. The key is derived from the spent token,
which the server does not keep, and from the sealing key, which is not in the database: both are
needed.

Sources: RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305); DESIGN section 6.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ringfence.core.errors import Refused
from ringfence.core.secret import Secret

NONCE_BYTES: Final = 12
_INFO: Final = b"ringfence refresh successor v1"


def seal(successor: str, spent: str, key: Secret[bytes], nonce: bytes) -> bytes:
    """Seal ``successor`` for whoever shows ``spent``.

    ``nonce`` is random: rivals in a race seal different successors under the same key.
    """
    return nonce + _cipher(spent, key).encrypt(nonce, successor.encode(), None)


def unseal(sealed: bytes, spent: str, keys: Iterable[Secret[bytes]]) -> str:
    """Open what ``seal`` closed with one of ``keys``.

    Raises:
        Refused: ``refresh.unknown``: that key is gone, or the row was tampered with.
    """
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for key in keys:
        with suppress(InvalidTag, ValueError):
            return _cipher(spent, key).decrypt(nonce, ciphertext, None).decode()
    raise Refused("refresh.unknown")


def _cipher(spent: str, key: Secret[bytes]) -> ChaCha20Poly1305:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=key.reveal(), info=_INFO)
    return ChaCha20Poly1305(hkdf.derive(spent.encode()))
