"""Counters behind the limits in PostgreSQL, locked in the order of their keys.

A counter that is not there yet cannot be locked: the first statement makes it, as one that has
been paid off since 1970, and locks and returns those that are there, all in one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.counters import Change, Counter, T
from ringfence.storage import rows
from ringfence.storage.counters import list_counters, remove_counters
from ringfence.storage.maintenance import purge_counters
from ringfence.storage.postgres.database import Database
from ringfence.storage.rows import microseconds

#: ``expires_us`` of a row that stands for a counter that is not there.
_NEVER: Final = 0


class PostgresCounters:
    """``CounterStore`` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        async with self._database.transaction() as connection:
            locked = await connection.fetch(
                "INSERT INTO counters (key, marks, expires_us)"
                " SELECT key, ''::bytea, 0 FROM unnest($1::text[]) AS key"
                " ON CONFLICT (key) DO UPDATE SET marks = counters.marks"
                " RETURNING key, marks, expires_us",
                sorted(keys),
            )
            found = {
                key: rows.counter(marks, expires_us)
                for key, marks, expires_us in locked
                if expires_us != _NEVER
            }
            changed, answer = change([found.get(key) for key in keys])
            await connection.executemany(
                "UPDATE counters SET marks = $2, expires_us = $3 WHERE key = $1",
                [
                    (key, rows.marks(counter), microseconds(counter.expires_at))
                    for key, counter in zip(keys, changed, strict=True)
                    if counter is not None
                ],
            )
            return answer

    async def list(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[tuple[str, Counter]]:
        return await list_counters(self._database, now, after, limit)

    async def remove(self, keys: Sequence[str]) -> int:
        return await remove_counters(self._database, keys)

    async def purge(self, now: datetime) -> int:
        return await purge_counters(self._database, now)
