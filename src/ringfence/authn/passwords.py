"""Passwords: what a new one must be, and whether one is right.

Length counts, composition does not: 15 code points at least, no rule on kinds of character, every
character of Unicode, blocked only if guessing tools try it early. Nothing is truncated.

Where the server does the client's step itself, it does the same work for every login, known or
not, with a password set or not (ATTACKS U03).

Sources: NIST SP 800-63B-4 3.1.1.2; ASVS 5.0 6.2; MUSTS P01 to P10.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

from ringfence.authn import verifier
from ringfence.authn.accounts import StoredVerifier
from ringfence.authn.blocklist import Blocklist
from ringfence.authn.breached import Breaches, NoBreaches
from ringfence.authn.derivation import DerivationStore
from ringfence.authn.hashing import Hashing
from ringfence.authn.verifier import KEY_BYTES, Argon2Parameters
from ringfence.core.errors import Refused
from ringfence.core.secret import Secret

SHORTEST: Final = 15  # code points in NFC, MUSTS P01, P05
LONGEST_BYTES: Final = 1024  # in NFC as UTF-8, MUSTS P04

_NAME: Final = re.compile(r"[a-z0-9]{4,}")  # within a login or a host; "com" would say nothing


def encode(password: str) -> bytes:
    """The password as it is hashed: in NFC as UTF-8.

    Raises:
        Refused: ``password.too_long``; ``password.malformed``: a lone surrogate is no character.
    """
    if len(password) > LONGEST_BYTES * 4:  # NFC makes no text shorter than a fourth
        raise Refused("password.too_long")
    try:
        encoded = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError as error:
        raise Refused("password.malformed") from error
    if len(encoded) > LONGEST_BYTES:
        raise Refused("password.too_long")
    return encoded


def measured(password: str) -> bytes:
    """As ``encode``, of a password that is long enough.

    Raises:
        Refused: ``password.too_short``, ``.too_long``, ``.malformed``.
    """
    encoded = encode(password)
    if len(encoded.decode()) < SHORTEST:
        raise Refused("password.too_short")
    return encoded


def names(*texts: str) -> frozenset[str]:
    """The words in logins and host names: what a guessing tool knows beforehand."""
    return frozenset(name for text in texts for name in _NAME.findall(text))


class Rules(Protocol):
    """What a new password must be."""

    def measured(self, password: str) -> bytes:
        """The password as it is hashed. Quick; raises ``Refused``."""
        ...

    def check(self, password: str, login: str) -> None:
        """Judge a new password of ``login``, in a worker. Raises ``Refused``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of NIST SP 800-63B-4: length, and nothing that guessing tools try early."""

    blocklist: Blocklist
    service: frozenset[str]  # names of the service

    @classmethod
    def bundled(cls, origin: str) -> "Policy":
        """The policy of the service at ``origin``, with the package's blocklist."""
        return cls(
            blocklist=Blocklist.bundled(),
            service=names("ringfence", urlsplit(origin).hostname or ""),
        )

    def measured(self, password: str) -> bytes:
        """As ``measured``."""
        return measured(password)

    def check(self, password: str, login: str) -> None:
        """Judge a new password of ``login``.

        Raises:
            Refused: ``password.too_short``, ``.too_long``, ``.malformed``, ``.common``.
        """
        text = measured(password).decode()
        if self.blocklist.refuses(text, self.service | names(login)):
            raise Refused("password.common")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """Makes and compares what is stored of passwords. Logins are normalised.

    While the cost is raised, both sets of parameters are tried for every login, so that no answer
    tells how old a password is.
    """

    hashing: Hashing
    policy: Rules
    tenant: str
    salt_key: Secret[bytes]
    peppers: Mapping[int, Secret[bytes]]  # by version; the highest makes
    derivations: DerivationStore
    breaches: Breaches = field(default_factory=NoBreaches)

    async def make(self, login: str, password: str) -> StoredVerifier:
        """What to store of a new password, in a reserved worker.

        Raises:
            Refused: As ``Policy.check``; ``password.breached``; ``hashing.busy``.
        """
        encoded = self.policy.measured(password)
        if await self.breaches.hold(encoded):
            raise Refused("password.breached")
        return await self._stored(login, encoded, lambda: self.policy.check(password, login))

    async def keep(self, login: str, password: str) -> StoredVerifier:
        """As ``make``, of a password that somebody has proven to have: no rule is asked.

        Raises:
            Refused: ``password.too_long``, ``.malformed``; ``hashing.busy``.
        """
        return await self._stored(login, encode(password), lambda: None)

    async def _stored(
        self, login: str, encoded: bytes, check: Callable[[], None]
    ) -> StoredVerifier:
        parameters, version = (await self.derivations.get()).makes, max(self.peppers)
        salt = verifier.salt(self.salt_key, self.tenant, login)

        def job() -> bytes:  # one that is made to be hard to judge takes 0.3 s: not in the loop
            check()
            return verifier.client_key(encoded, salt, parameters)

        key = await self.hashing.run(job, reserved=True)
        digest = verifier.digest(self.peppers[version], key)
        return StoredVerifier(digest=digest, pepper=version, kdf=str(parameters))

    async def matches(
        self,
        login: str,
        password: str,
        stored: StoredVerifier | None,
        *,
        reserved: bool = False,
    ) -> bool:
        """Whether ``password`` is the one of ``login``; the same work if nothing is stored.

        ``reserved``: who asks is signed in.

        Raises:
            Refused: ``hashing.busy``.
        """
        try:
            encoded = encode(password)
        except Refused:  # nobody has such a password
            return False
        right = False
        for parameters in (await self.derivations.get()).accepted:
            key = await self._client_key(login, encoded, parameters, reserved=reserved)
            made_so = stored is not None and stored.kdf == str(parameters)
            right |= self.matches_key(key, stored if made_so else None)
        return right

    async def matches_keys(
        self, client_key: bytes, next_key: bytes | None, stored: StoredVerifier | None
    ) -> bool:
        """Whether the key is right whose parameters ``stored`` was made with.

        The other one is not looked at: two keys are one guess.
        """
        following = (await self.derivations.get()).next
        moved = stored is not None and following is not None and stored.kdf == str(following)
        return self.matches_key(next_key if moved and next_key else client_key, stored)

    def matches_key(self, client_key: bytes, stored: StoredVerifier | None) -> bool:
        """Whether ``client_key`` is the one behind ``stored``; the same work if it is None."""
        pepper = self.peppers.get(stored.pepper) if stored is not None else None
        digest = verifier.digest(pepper or self.peppers[max(self.peppers)], client_key)
        expected = stored.digest if stored is not None and pepper is not None else bytes(KEY_BYTES)
        same = hmac.compare_digest(digest, expected)
        return same and pepper is not None and len(client_key) == KEY_BYTES

    async def moved(
        self,
        login: str,
        proven: StoredVerifier,
        *,
        password: str | None = None,
        client_key: bytes | None = None,
        next_key: bytes | None = None,
    ) -> StoredVerifier | None:
        """What to store in place of ``proven``; None: nothing.

        What was made with an older pepper moves to the newest one, and while the cost is raised,
        to the parameters that come next. What is given is what the client has just proven.
        """
        derivation, version = await self.derivations.get(), max(self.peppers)
        moving = derivation.moves(proven.kdf) and (next_key or password) is not None
        if not moving and proven.pepper == version:
            return None
        made_so = str(derivation.next) if moving else proven.kdf
        parameters = next((each for each in derivation.accepted if str(each) == made_so), None)
        if parameters is None:
            return None
        key = None if moving else client_key
        if parameters == derivation.next:
            key = next_key or key
        if key is None and password is not None:
            key = await self._client_key(login, encode(password), parameters, reserved=True)
        if key is None:
            return None
        digest = verifier.digest(self.peppers[version], key)
        return StoredVerifier(digest=digest, pepper=version, kdf=made_so)

    async def _client_key(
        self, login: str, encoded: bytes, parameters: Argon2Parameters, *, reserved: bool
    ) -> bytes:
        salt = verifier.salt(self.salt_key, self.tenant, login)
        return await self.hashing.run(
            lambda: verifier.client_key(encoded, salt, parameters), reserved=reserved
        )
