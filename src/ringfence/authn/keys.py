"""The keys of an installation: what they are, and which one signs and seals when.

Each purpose has a key of its own, outside of the database and its backup: whoever reads the
database must not forge an administrator, guess passwords without the pepper, or open refresh
tokens. The salt key never changes: with another one every password stops working.

Sources: DESIGN section 6; ASVS 5.0 11.1.1, 13.3.1; RFC 7638 (key ids).
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Protocol

from joserfc.jwk import ECKey

from ringfence.core.secret import Secret

KEY_BYTES: Final = 32

_SIGNING: Final = "signing-"
_SEALING: Final = "sealing"

_BEGINNING: Final = datetime.fromtimestamp(0, UTC)

#: How long a new key is only published: others learn of it before the first use.
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
class SealingKey:
    """One key that seals successors (``sealing``). The newest that has begun seals; each opens."""

    seals_from: datetime
    key: Secret[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """All keys of one installation."""

    signing: tuple[SigningKey, ...]  # oldest first, at least one
    peppers: Mapping[int, Secret[bytes]]  # by version, at least one
    salt: Secret[bytes]
    sealing: tuple[SealingKey, ...]  # oldest first, at least one
    log: Secret[bytes]

    def signer(self, now: datetime) -> SigningKey:
        """The key that signs at ``now``."""
        begun = [key for key in self.signing if key.signs_from <= now]
        return begun[-1] if begun else self.signing[0]

    def sealer(self, now: datetime) -> Secret[bytes]:
        """The key that seals at ``now``."""
        begun = [each for each in self.sealing if each.seals_from <= now]
        return (begun[-1] if begun else self.sealing[0]).key


class FingerprintStore(Protocol):
    """Which keys a database's contents were made with; every adapter passes ``tests/contract``."""

    async def known(self) -> Mapping[str, bytes]:
        """All fingerprints, by the name of the key."""
        ...

    async def add(self, fingerprints: Mapping[str, bytes]) -> None:
        """Keep those whose name is not known yet, and change no other."""
        ...


def fingerprints(keys: Keys) -> Mapping[str, bytes]:
    """What a database may know of each key, by the name of its file: an HMAC under the key.

    Every key is random, so nobody finds it by its fingerprint.
    """
    material = {
        "salt.key": keys.salt,
        "log.key": keys.log,
        **{sealing_name(each.seals_from): each.key for each in keys.sealing},
        **{pepper_name(version): pepper for version, pepper in keys.peppers.items()},
    }
    found = {name: _fingerprint(name, key.reveal()) for name, key in material.items()}
    for signing in keys.signing:
        name = signing_name(signing.signs_from)
        found[name] = _fingerprint(name, signing.key.as_pem(private=True))
    return found


def mismatches(keys: Keys, known: Mapping[str, bytes]) -> Iterator[str]:
    """What is wrong with ``keys`` beside a database that knows these fingerprints.

    A key to sign or seal may be gone, once it is over; a new one, or a new pepper, may have come.
    """
    here = fingerprints(keys)
    for name, fingerprint in sorted(known.items()):
        if name not in here:
            if not name.startswith((_SIGNING, _SEALING)):
                yield f"{name} is missing, and the database was made with it"
        elif not hmac.compare_digest(here[name], fingerprint):
            yield f"{name} is not the key that the database was made with"


def signing_name(signs_from: datetime) -> str:
    """The name of a signing key."""
    return f"{_SIGNING}{int(signs_from.timestamp())}.pem"


def sealing_name(seals_from: datetime) -> str:
    """The name of a key that seals; the first one's has no date."""
    if seals_from == _BEGINNING:
        return f"{_SEALING}.key"
    return f"{_SEALING}-{int(seals_from.timestamp())}.key"


def pepper_name(version: int) -> str:
    """The name of a pepper."""
    return f"pepper-{version}.key"


def _fingerprint(name: str, key: bytes) -> bytes:
    return hmac.digest(key, b"ringfence key fingerprint v1\0" + name.encode(), "sha256")


def new_signing_key(
    signing: Sequence[SigningKey], now: datetime, *, at_once: bool = False
) -> SigningKey:
    """A key that signs from ``PUBLISHED_BEFORE`` on, or at once, and after each of ``signing``."""
    key = ECKey.generate_key("P-256")
    begins = _begin(signing[-1].signs_from, now, at_once=at_once)
    return SigningKey(kid=key.thumbprint(), signs_from=begins, key=key)


def new_sealing_key(
    sealing: Sequence[SealingKey], now: datetime, key: bytes, *, at_once: bool = False
) -> SealingKey:
    """``key`` as one that seals, from when ``new_signing_key`` says."""
    begins = _begin(sealing[-1].seals_from, now, at_once=at_once)
    return SealingKey(seals_from=begins, key=Secret(key))


def over(keys: Keys, now: datetime) -> Iterator[str]:
    """The names of keys that nothing of now is signed or sealed with.

    Their successor began long enough ago.
    """
    signing, sealing = keys.signing, keys.sealing
    for old, newer in pairwise(signing):
        if newer.signs_from + KEPT_AFTER < now:
            yield signing_name(old.signs_from)
    for before, after in pairwise(sealing):
        if after.seals_from + KEPT_AFTER < now:
            yield sealing_name(before.seals_from)


def _begin(newest: datetime, now: datetime, *, at_once: bool) -> datetime:
    wanted = now if at_once else now + PUBLISHED_BEFORE
    return max(wanted.replace(microsecond=0), newest + timedelta(seconds=1))
