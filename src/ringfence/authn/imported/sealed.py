"""A hash of another program, kept so that a stolen table is nothing to guess at.

Such a hash would be worth an attack of its own: some methods are fast, and none knows a pepper. So
it is sealed under a key that is derived from the pepper, for its account alone, until its owner
signs in and it is replaced by ours.

Sources: RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305); MUSTS P17.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ringfence.authn.imported.formats import recognise
from ringfence.authn.opaque import Random
from ringfence.core.secret import Secret

NONCE_BYTES: Final = 12
_INFO: Final = b"ringfence imported hash v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedHash:
    """What is stored of a hash that was imported."""

    kind: str  # its method and cost, which are no secret
    pepper: int  # version of the pepper
    sealed: bytes  # the nonce, then the text


def seal(
    text: str, account_id: str, peppers: Mapping[int, Secret[bytes]], random: Random
) -> SealedHash:
    """Seal the hash that ``text`` spells for its account. Raises ``Unusable``."""
    kind, version, nonce = str(recognise(text).method), max(peppers), random(NONCE_BYTES)
    sealed = _cipher(peppers[version]).encrypt(nonce, text.encode(), account_id.encode())
    return SealedHash(kind=kind, pepper=version, sealed=nonce + sealed)


def unseal(found: SealedHash, account_id: str, peppers: Mapping[int, Secret[bytes]]) -> str | None:
    """The text that was sealed; None: its pepper is gone, or the row was tampered with."""
    pepper = peppers.get(found.pepper)
    if pepper is None:
        return None
    nonce, ciphertext = found.sealed[:NONCE_BYTES], found.sealed[NONCE_BYTES:]
    try:
        return _cipher(pepper).decrypt(nonce, ciphertext, account_id.encode()).decode()
    except (InvalidTag, ValueError):
        return None


def _cipher(pepper: Secret[bytes]) -> ChaCha20Poly1305:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO)
    return ChaCha20Poly1305(hkdf.derive(pepper.reveal()))
