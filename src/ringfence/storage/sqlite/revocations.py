"""The revocation feed in SQLite: news reach every worker process of the host at once.

``PRAGMA data_version`` (3 µs) tells that another connection has committed something, the highest
id whether that was a revocation. Both are asked in the loop, on every request; whether the file is
still the one that everybody sees, every 20 ms.
"""

import sqlite3
import time
from collections.abc import Sequence
from typing import Final

from ringfence.authn.revocation import Revocation
from ringfence.core.errors import StoreError
from ringfence.storage import rows
from ringfence.storage.sqlite.database import SqliteDatabase
from ringfence.storage.statements import REVOCATIONS_AFTER

_LOOK_SECONDS: Final = 0.02


class SqliteRevocations:
    """``RevocationSource`` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database: Final = database
        self._reader: Final = database.reader
        self._version = (0, 0)  # the connection, and its data_version when last looked at
        self._newest = (0, 0)  # the connection, and the highest id when last read
        self._connection: sqlite3.Connection | None = None  # as the file was last looked at
        self._look_again_at = 0.0  # monotonic seconds

    def changed(self) -> bool:
        try:
            version = self._glance()
            if version == self._version:
                return False
            if self._highest() != self._newest:
                return True
        except (sqlite3.Error, OSError, StoreError):
            self._connection = None
            return True  # ``read`` finds out, and says so
        self._version = version
        return False

    async def read(self, after: int) -> Sequence[Revocation]:
        try:
            version, newest = self._look(), self._highest()
        except (sqlite3.Error, OSError) as error:
            raise self._reader.handle.settle(error) from error
        found = await self._database.all(REVOCATIONS_AFTER, after)
        self._version, self._newest = version, newest  # what came later is news again
        return [rows.revocation(row) for row in found]

    def _glance(self) -> tuple[int, int]:
        """As ``_look``, with the connection of a moment ago; a closed one raises."""
        now = time.monotonic()
        if self._connection is None or now >= self._look_again_at:
            self._connection = self._reader.connection()
            self._look_again_at = now + _LOOK_SECONDS
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return self._reader.handle.opened, version

    def _look(self) -> tuple[int, int]:
        connection = self._reader.connection()
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        return self._reader.handle.opened, version

    def _highest(self) -> tuple[int, int]:
        connection = self._reader.connection()
        (highest,) = connection.execute("SELECT max(id) FROM revocations").fetchone()
        return self._reader.handle.opened, highest or 0
