"""Counters behind the limits in SQLite: read, judge and write under one write lock."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from ringfence.authn.counters import Change, Counter, T
from ringfence.storage import rows
from ringfence.storage.maintenance import PIECE
from ringfence.storage.rows import microseconds
from ringfence.storage.sqlite.writer import Writer


class SqliteCounters:
    """``CounterStore`` in SQLite."""

    def __init__(self, writer: Writer) -> None:
        self._writer: Final = writer

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        def work(connection: sqlite3.Connection) -> T:
            changed, answer = change([_read(connection, key) for key in keys])
            for key, counter in zip(keys, changed, strict=True):
                if counter is not None:
                    _write(connection, key, counter)
            return answer

        return await self._writer.run(work)

    async def purge(self, now: datetime) -> int:
        removed, gone = 0, PIECE
        while gone == PIECE:
            gone = await self._writer.run(partial(_purge, now=now))
            removed += gone
        return removed


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


def _purge(connection: sqlite3.Connection, now: datetime) -> int:
    return connection.execute(
        "DELETE FROM counters WHERE key IN"
        " (SELECT key FROM counters WHERE expires_us <= ? LIMIT ?)",
        (microseconds(now), PIECE),
    ).rowcount
