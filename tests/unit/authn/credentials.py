"""What the tests of credentials share: keys without files, hashing without threads."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from joserfc.jwk import ECKey

from ringfence.authn.derivation import Derivation
from ringfence.authn.keys import Keys, SealingKey, SigningKey
from ringfence.authn.verifier import Argon2Parameters
from ringfence.core.secret import Secret

T = TypeVar("T")

#: OWASP's floor: a quarter of the default's time.
CHEAPEST = Argon2Parameters(memory_kib=19_456, passes=2, lanes=1)


class Fixed:
    """``DerivationStore`` that says what the test has put there."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation

    async def get(self) -> Derivation:
        return self.derivation

    async def put(self, derivation: Derivation) -> None:
        self.derivation = derivation

    async def passwords(self) -> Mapping[str, int]:
        return {}

    async def peppers(self) -> Mapping[int, int]:
        return {}


class Inline:
    """``Hashing`` in the caller's own thread; keeps whether each job was reserved."""

    def __init__(self) -> None:
        self.jobs: list[bool] = []

    async def run(self, job: Callable[[], T], *, reserved: bool) -> T:
        self.jobs.append(reserved)
        return job()

    @property
    def load(self) -> tuple[int, int]:
        return 0, 0

    def close(self) -> None:
        """Nothing is open."""


def signing_key(seconds: int = 0) -> SigningKey:
    """A new key that signs from ``seconds`` after 1970 on."""
    key = ECKey.generate_key("P-256")
    signs_from = datetime.fromtimestamp(seconds, UTC)
    return SigningKey(kid=key.thumbprint(), signs_from=signs_from, key=key)


def keys(*signing: SigningKey) -> Keys:
    """Keys with these for signing, or one."""
    return Keys(
        signing=signing or (signing_key(),),
        peppers={1: Secret(b"p" * 32)},
        salt=Secret(b"s" * 32),
        sealing=(SealingKey(seals_from=datetime.fromtimestamp(0, UTC), key=Secret(b"e" * 32)),),
        log=Secret(b"l" * 32),
    )
