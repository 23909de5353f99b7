"""Counters behind the limits in SQLite: read, judge and write under one write lock."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.counters import Change, Counter, T
from ringfence.storage import rows
from ringfence.storage.counters import list_counters, remove_counters
from ringfence.storage.maintenance import purge_counters
from ringfence.storage.rows import microseconds
from ringfence.storage.sqlite.database import SqliteDatabase


class SqliteCounters:
    """``CounterStore`` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database: Final = database

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        def work(connection: sqlite3.Connection) -> T:
            changed, answer = change([_read(connection, key) for key in keys])
            for key, counter in zip(keys, changed, strict=True):
                if counter is not None:
                    _write(connection, key, counter)
            return answer

        return await self._database.writer.run(work)

    async def list(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[tuple[str, Counter]]:
        return await list_counters(self._database, now, after, limit)

    async def remove(self, keys: Sequence[str]) -> int:
        return await remove_counters(self._database, keys)

    async def purge(self, now: datetime) -> int:
        return await purge_counters(self._database, now)


def _read(connection: sqlite3.Connection, key: str) -> Counter | None:
    row = connection.execute(
        "SELECT marks, expires_us FROM counters WHERE key = ?", (key,)
    ).fetchone()
    return None if row is None else rows.counter(*row)


def _write(connection: sqlite3.Connection, key: str, counter: Counter) -> None:
    connection.execute(
        "INSERT INTO counters (key, marks, expires_us) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET marks = excluded.marks,"
        " expires_us = excluded.expires_us",
        (key, rows.marks(counter), microseconds(counter.expires_at)),
    )
