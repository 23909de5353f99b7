"""One SQLite file, as one process holds it: a connection that reads, and one that writes.

The file is looked at before each use (1 µs): one that was deleted, moved away or replaced under an
open connection would still answer, from an inode that nobody else sees. That is refused, and a
connection to the file that stands there now is opened as soon as there is one.

A connection that failed is closed and opened anew for the next request, so that nothing has to be
restarted once the cause is gone. Nothing here ever creates the file: an empty database in the
place of a lost one would be the worse answer.
"""

import os
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.network.sqlite import guard

#: What a StoreError of this adapter names.
STORE: Final = "sqlite"

#: How long to wait while another process opens, closes or recovers the database. A reader waits
#: for nothing else (WAL); a writer waits for its turn in a thread, and so not here.
_PATIENCE_SECONDS: Final = 1.0

#: The log is cut back to this size when a checkpoint has emptied it.
_LOG_KEPT_BYTES: Final = 64 * 1024 * 1024

#: Failures after which the connection itself is sound: waiting or another try is the cure.
_PASSING: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CONSTRAINT}
)

#: Failures of the file itself: whatever else the transaction holds is lost with it.
_BROKEN: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_PRIMARY: Final = 0xFF  # extended result codes carry the primary one in their lowest byte


def file_of(url: str) -> Path:
    """The absolute path in ``sqlite:///path``; one more slash makes the path absolute itself."""
    head, _, rest = url.partition(":///")
    path = unquote(rest)
    if head != "sqlite" or not path or path.endswith("/") or "?" in rest or "\0" in path:
        raise ConfigurationError("RINGFENCE_DATABASE: sqlite:/// and the path of a file")
    return Path(path).absolute()


def primary_code(error: Exception) -> int | None:
    """SQLite's primary result code behind ``error``."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY


def breaks(error: Exception) -> bool:
    """Whether ``error`` says that the file is not to be trusted or reached any more."""
    return primary_code(error) in _BROKEN


def failure(error: Exception) -> StoreError:
    """The refusal for a request that met ``error``; names SQLite's code, never a value."""
    return StoreError(STORE, getattr(error, "sqlite_errorname", type(error).__name__))


class Handle:
    """A connection to the file that is opened when it is needed, and again when it must be."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path: Final = str(path)
        self._read_only: Final = read_only
        self._connection: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self.opened = 0  # how often: tells one connection's ``data_version`` from the next one's

    def get(self) -> sqlite3.Connection:
        """The connection to the file that is there now.

        Raises:
            OSError: There is no file.
            sqlite3.Error: The file is no database, or cannot be read.
        """
        found = os.stat(self._path)  # noqa: PTH116  # on every request's path: Path costs twice as much
        inode = (found.st_dev, found.st_ino)
        if self._connection is not None and inode == self._inode:
            return self._connection
        self.drop()
        self._connection = self._open()
        self._inode = inode
        self.opened += 1
        return self._connection

    def settle(self, error: Exception) -> StoreError:
        """The refusal for ``error``; drops the connection unless it is surely sound."""
        if primary_code(error) not in _PASSING:
            self.drop()
        return failure(error)

    def drop(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            Path(self._path).as_uri() + "?mode=rw",  # never creates
            uri=True,
            isolation_level=None,  # transactions are begun here, in so many words
            check_same_thread=False,  # the writer commits in a thread; SQLite itself serialises
            cached_statements=256,
            timeout=_PATIENCE_SECONDS,
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            if self._read_only:
                connection.execute("PRAGMA query_only = ON")
            else:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT_BYTES}")
                connection.execute("PRAGMA busy_timeout = 0")
            guard(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


class Reader:
    """The connection that reads, until it is closed."""

    def __init__(self, handle: Handle) -> None:
        self.handle: Final = handle
        self._closed = False

    def connection(self) -> sqlite3.Connection:
        """The connection; raises what ``Handle.get`` raises, or StoreError after ``close``."""
        if self._closed:
            raise StoreError(STORE, "closed")
        return self.handle.get()

    def close(self) -> None:
        """Read no more."""
        self._closed = True
        self.handle.drop()
