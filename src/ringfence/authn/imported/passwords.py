"""The first sign-in of somebody whose password another program has hashed.

The password is compared with the hash that was imported. If it is right, it is stored as ours and
the hash is gone, in one step: of two sign-ins at once one moves, and a password that was reset
meanwhile stays.

Nothing tells who was imported, nor with which hash: while a time of imports lasts, whoever sends a
password has it compared, after the Argon2id that everybody costs, with one imported hash: their
own, or one that matches nothing and costs as much as one of those that are there.

Sources: DESIGN section 6; MUSTS P15; ATTACKS U03; Ledger 34.
"""

import hashlib
import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ringfence.authn.accounts import Account, AccountStore, StoredVerifier
from ringfence.authn.derivation import DerivationStore
from ringfence.authn.hashing import Hashing
from ringfence.authn.imported.formats import recognise
from ringfence.authn.imported.methods import Hash
from ringfence.authn.imported.refusal import Reason, Unusable
from ringfence.authn.imported.sealed import SealedHash, unseal
from ringfence.authn.passwords import Passwords, encode
from ringfence.core.errors import Refused
from ringfence.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account that is to be imported, and the hash of its password, if it has one."""

    account: Account  # without a verifier
    hash: SealedHash | None = None


class ImportStore(Protocol):
    """What imports need of a database; every adapter passes ``tests/contract``.

    Setting a password in any other way removes the hash in the same transaction.
    """

    async def add(self, people: Sequence[Person]) -> Sequence[Reason | None]:
        """Add accounts with their hashes in one transaction; None: added.

        An account whose login or id is taken is left out (``login.taken``, ``id.taken``). On
        PostgreSQL the owner of the tables does it.
        """
        ...

    async def find(self, account_id: str) -> SealedHash | None:
        """The hash of an account that has not moved."""
        ...

    async def kinds(self) -> Mapping[str, int]:
        """How many hashes of which kind there are; a minute old at most."""
        ...

    async def move(self, account_id: str, proven: SealedHash, verifier: StoredVerifier) -> bool:
        """Store ``verifier`` in place of ``proven``. No session ends, no token dies.

        False, and nothing written, if ``proven`` is not there any more.
        """
        ...

    async def drop(self) -> int:
        """Remove all hashes; returns how many. On PostgreSQL as ``add``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPasswords:
    """Lets people in by a hash that was imported, once."""

    store: ImportStore
    accounts: AccountStore
    derivations: DerivationStore
    hashing: Hashing
    passwords: Passwords
    peppers: Mapping[int, Secret[bytes]]
    draws: Secret[bytes]  # the key of ``drawn``

    async def admits(self, login: str, password: str, account: Account | None) -> bool:
        """Whether ``password`` is right, and stored as ours from now on.

        ``account`` is None where there is none, or where its password must not be compared.

        Raises:
            Refused: ``hashing.busy``.
        """
        if not (await self.derivations.get()).password_retry:
            return False
        try:
            encode(password)
        except Refused:  # nobody has such a password
            return False
        kinds = await self.store.kinds()
        found = await self.store.find("" if account is None else account.id)
        own = None
        if account is not None and account.verifier is None and found is not None:
            own = self._opened(found, account.id)
        compared = own or drawn(login, kinds, self.draws)
        if compared is None:  # everybody has moved
            return False
        right = await self.hashing.run(partial(compared.matches, password), reserved=False)
        if not right or account is None or own is None or found is None:
            return False
        return await self._moved(account, found, password)

    async def _moved(self, account: Account, found: SealedHash, password: str) -> bool:
        """Move; whoever lost a race is judged by what is stored now."""
        verifier = await self.passwords.keep(account.login, password)
        if await self.store.move(account.id, found, verifier):
            return True
        now = await self.accounts.find(account.id)
        stored = None if now is None else now.verifier
        return await self.passwords.matches(account.login, password, stored, reserved=True)

    def _opened(self, found: SealedHash, account_id: str) -> Hash | None:
        text = unseal(found, account_id, self.peppers)
        try:
            return None if text is None else recognise(text)
        except Unusable:  # of a version with wider limits
            return None


def drawn(login: str, kinds: Mapping[str, int], key: Secret[bytes]) -> Hash | None:
    """A hash that matches nothing, for a login that has none; None where there is no kind.

    Its kind is drawn by the login, as often as the kind is there, and the same on every call: the
    time that logins without a hash take is spread like that of those with one.
    """

    def rank(kind: str) -> float:  # weighted rendezvous hashing: few draws change with a count
        digest = hmac.digest(key.reveal(), f"kind\0{kind}\0{login}".encode(), hashlib.sha256)
        return -math.log((int.from_bytes(digest[:8]) + 1) / 2**64) / kinds[kind]

    present = [kind for kind, count in kinds.items() if count > 0]
    return Hash.like(min(present, key=rank)) if present else None
