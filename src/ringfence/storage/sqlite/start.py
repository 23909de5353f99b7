"""Makes the file, for its owner alone, and brings its schema up to date."""

import fcntl
import os
import sqlite3
import stat
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from ringfence.core.errors import ConfigurationError
from ringfence.storage.migrations import HEAD, upgrade
from ringfence.storage.sqlite.file import failure

#: Read and written by their owner alone: the file, its log and its index.
_MODE: Final = 0o600
_SIDES: Final = ("", "-wal", "-shm")


def prepare(path: Path) -> None:
    """Leave a database at the newest schema at ``path``; of many that start, one makes it.

    Raises:
        ConfigurationError: There is no such folder, or a newer version has written the file.
        StoreError: The file is no database, or the disk does not take it.
    """
    if not path.parent.is_dir():
        raise ConfigurationError("RINGFENCE_DATABASE: the folder of the file does not exist")
    try:
        _tighten(path)
        if _revision(path) == HEAD:
            return
        with _alone(path):
            _create(path)
            if _revision(path) != HEAD:
                _migrate(path)
    except (sqlite3.Error, OSError) as error:
        raise failure(error) from error


def _tighten(path: Path) -> None:
    """Take away what others may do with the file, should somebody have made it by hand."""
    for side in _SIDES:
        file = path.with_name(path.name + side)
        with suppress(FileNotFoundError):
            if stat.S_IMODE(file.stat().st_mode) & ~_MODE:
                file.chmod(_MODE)


@contextmanager
def _alone(path: Path) -> Generator[None]:
    """Keep other processes out while the file is made; they wait.

    The lock is a file of its own: closing any descriptor of the database itself would drop the
    locks that SQLite holds for every other connection of this process.
    """
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    """Make an empty file with the right mode before SQLite makes one with the umask's."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that may change the schema: the authorizer is not set on it."""
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=5)


def _revision(path: Path) -> str | None:
    """The schema's revision; None if there is no file or no schema."""
    if not path.exists():
        return None
    with closing(_connect(path)) as connection:
        known = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        ).fetchone()
        if known is None:
            return None
        row: tuple[str] | None = connection.execute(
            "SELECT version_num FROM alembic_version"
        ).fetchone()
        return None if row is None else row[0]


def _migrate(path: Path) -> None:
    """Run the migrations in one transaction, so that a kill in the middle leaves no half."""
    from sqlalchemy import create_engine  # noqa: PLC0415  # a start without news does not pay for it
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415  # as above

    with closing(_connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
        try:
            with engine.connect() as wrapped:
                wrapped.exec_driver_sql("BEGIN IMMEDIATE")
                upgrade(wrapped)
                wrapped.commit()
        finally:
            engine.dispose()
