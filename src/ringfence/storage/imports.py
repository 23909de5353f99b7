"""Accounts from elsewhere and the hashes of their passwords, in a database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ringfence.authn.accounts import StoredVerifier
from ringfence.authn.derivation import KNOWN_FOR
from ringfence.authn.imported.passwords import Person
from ringfence.authn.imported.refusal import Reason
from ringfence.authn.imported.sealed import SealedHash
from ringfence.storage import rows, statements
from ringfence.storage.accounts import put_verifier
from ringfence.storage.rows import microseconds
from ringfence.storage.transaction import Clock, Database, Steps, ask, change

#: To count a million takes a tenth of a second. Where there are none it is looked at as often as
#: what clients derive with: an import may have begun.
_COUNTED_FOR: Final = timedelta(minutes=1)


class SqlImports:
    """``ImportStore`` in a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database: Final = database
        self._clock: Final = clock
        self._kinds: Mapping[str, int] = {}
        self._counted_at: datetime | None = None

    async def add(self, people: Sequence[Person]) -> Sequence[Reason | None]:
        return await self._database.perform(_add(people))

    async def find(self, account_id: str) -> SealedHash | None:
        row = await self._database.one(statements.HASH_OF_ACCOUNT, account_id)
        return None if row is None else SealedHash(kind=row[0], pepper=row[1], sealed=row[2])

    async def kinds(self) -> Mapping[str, int]:
        now, lasting = self._clock(), _COUNTED_FOR if self._kinds else KNOWN_FOR
        if self._counted_at is None or not self._counted_at <= now < self._counted_at + lasting:
            counted = await self._database.all(statements.HASHES_BY_KIND)
            self._kinds, self._counted_at = {row[0]: row[1] for row in counted}, now
        return self._kinds

    async def move(self, account_id: str, proven: SealedHash, verifier: StoredVerifier) -> bool:
        return await self._database.perform(_move(account_id, proven, verifier))

    async def drop(self) -> int:
        self._counted_at = None
        return await self._database.perform(change(statements.REMOVE_HASHES))


def _add(people: Sequence[Person]) -> Steps[list[Reason | None]]:
    refused: list[Reason | None] = []
    for person in people:
        refused.append((yield from _add_one(person)))  # noqa: PERF401  # a list has no yield
    return refused


def _add_one(person: Person) -> Steps[Reason | None]:
    account = person.account
    added = yield from change(
        statements.ADD_IMPORTED,
        account.id,
        account.login,
        microseconds(account.login_verified_at),
        microseconds(account.created_at),
        account.name,
        rows.roles(account.roles),
        None if account.disabled_at is None else microseconds(account.disabled_at),
    )
    if not added:
        taken = yield from ask(statements.ID_OF_LOGIN, account.login)
        return Reason.ID_TAKEN if taken is None else Reason.LOGIN_TAKEN
    if (found := person.hash) is not None:
        yield from change(statements.ADD_HASH, account.id, found.kind, found.pepper, found.sealed)
    return None


def _move(account_id: str, proven: SealedHash, verifier: StoredVerifier) -> Steps[bool]:
    """Take the hash first: whoever comes second finds it gone."""
    if not (yield from change(statements.TAKE_HASH, account_id, proven.sealed)):
        return False
    yield from put_verifier(account_id, verifier)
    return True
