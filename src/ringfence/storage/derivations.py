"""How clients derive keys, in a database; every process remembers it for a moment."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from ringfence.authn.derivation import KNOWN_FOR, Derivation, settled
from ringfence.authn.verifier import Argon2Parameters
from ringfence.storage import statements
from ringfence.storage.rows import Row, microseconds, moment
from ringfence.storage.transaction import Clock, Database, Steps, change


class SqlDerivations:
    """``DerivationStore`` in a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database: Final = database
        self._clock: Final = clock
        self._known = Derivation()
        self._read_at: datetime | None = None

    async def get(self) -> Derivation:
        now = self._clock()
        if self._read_at is None or not self._read_at <= now < self._read_at + KNOWN_FOR:
            row = await self._database.one(statements.DERIVATION)
            self._known = Derivation() if row is None else _derivation(row)
            self._read_at = now
        if not self._known.settled and settled(self._known.raised_at, now):
            self._known = replace(self._known, settled=True)
        return self._known

    async def put(self, derivation: Derivation) -> None:
        await self._database.perform(_put(derivation))
        self._read_at = None

    async def peppers(self) -> Mapping[int, int]:
        rows = await self._database.all(statements.PASSWORDS_BY_PEPPER)
        return {row[0]: row[1] for row in rows}

    async def passwords(self) -> Mapping[str, int]:
        return {row[0]: row[1] for row in await self._database.all(statements.PASSWORDS_BY_KDF)}


def _derivation(row: Row) -> Derivation:
    return Derivation(
        current=Argon2Parameters.parse(row[0]),
        next=None if row[1] is None else Argon2Parameters.parse(row[1]),
        raised_at=None if row[2] is None else moment(row[2]),
        password_retry=bool(row[3]),
    )


def _put(derivation: Derivation) -> Steps[None]:
    yield from change(
        statements.PUT_DERIVATION,
        str(derivation.current),
        None if derivation.next is None else str(derivation.next),
        None if derivation.raised_at is None else microseconds(derivation.raised_at),
        int(derivation.password_retry),
    )
