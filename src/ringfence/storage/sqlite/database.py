"""SQLite as the stores see it: reads in the loop, writes by the group-commit writer.

A read in the loop takes 4 µs; one in a thread of its own would take 50 (DESIGN section 5).
"""

import sqlite3
from functools import partial
from typing import Any, Final

from ringfence.storage.rows import Row
from ringfence.storage.sqlite.file import Reader
from ringfence.storage.sqlite.writer import Writer
from ringfence.storage.statements import Query
from ringfence.storage.transaction import Step, Steps, T


class SqliteDatabase:
    """``Database`` on one SQLite file."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self.reader: Final = reader
        self.writer: Final = writer

    async def one(self, query: Query, *parameters: object) -> Row | None:
        try:
            row: Row | None = self.reader.connection().execute(query.sqlite, parameters).fetchone()
        except (sqlite3.Error, OSError) as error:
            raise self.reader.handle.settle(error) from error
        return row

    async def all(self, query: Query, *parameters: object) -> list[Row]:
        try:
            return self.reader.connection().execute(query.sqlite, parameters).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise self.reader.handle.settle(error) from error

    async def perform(self, steps: Steps[T]) -> T:
        return await self.writer.run(partial(_take, steps=steps))


def _take(connection: sqlite3.Connection, steps: Steps[T]) -> T:
    """Take the steps; the write lock is held already."""
    try:
        step = next(steps)
        while True:
            step = steps.send(_answer(connection, step))
    except StopIteration as end:
        return end.value


def _answer(connection: sqlite3.Connection, step: Step) -> Any:  # noqa: ANN401  # see ``Steps``
    cursor = connection.execute(step.statement.sqlite, step.parameters)
    if not isinstance(step.statement, Query):
        return cursor.rowcount
    return cursor.fetchall() if step.every else cursor.fetchone()
