"""The keys of an installation: what they are, and which one signs when.

Each purpose has a key of its own, outside of the database and its backup: whoever reads the
database must not forge an administrator, guess passwords without the pepper, or open refresh
tokens. The salt key never changes: with another one every password stops working.

Sources: DESIGN section 6; ASVS 5.0 11.1.1, 13.3.1; RFC 7638 (key ids).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from joserfc.jwk import ECKey

from ringfence.core.secret import Secret

KEY_BYTES: Final = 32

#: How long a new signing key is only published: verifiers learn of it before the first token.
PUBLISHED_BEFORE: Final = timedelta(minutes=10)

#: How long a signing key is kept after its successor began: longer than an access token lives.
KEPT_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One ES256 key. Only the newest that has begun signs; each verifies while it is there."""

    kid: str  # RFC 7638 thumbprint
    signs_from: datetime
    key: ECKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """All keys of one installation."""

    signing: tuple[SigningKey, ...]  # oldest first, at least one
    peppers: Mapping[int, Secret[bytes]]  # by version, at least one
    salt: Secret[bytes]
    sealing: Secret[bytes]
    log: Secret[bytes]

    def signer(self, now: datetime) -> SigningKey:
        """The key that signs at ``now``."""
        begun = [key for key in self.signing if key.signs_from <= now]
        return begun[-1] if begun else self.signing[0]


def new_signing_key(signing: Sequence[SigningKey], now: datetime) -> SigningKey:
    """A key that signs from ``PUBLISHED_BEFORE`` on, and after each of ``signing``."""
    signs_from = max(now + PUBLISHED_BEFORE, signing[-1].signs_from + timedelta(seconds=1))
    key = ECKey.generate_key("P-256")
    return SigningKey(kid=key.thumbprint(), signs_from=signs_from, key=key)


def over(signing: Sequence[SigningKey], now: datetime) -> Iterator[SigningKey]:
    """The keys that no token of now can be signed with: their successor began long enough ago."""
    for key, successor in pairwise(signing):
        if successor.signs_from + KEPT_AFTER < now:
            yield key
