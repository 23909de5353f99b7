"""A backup of the SQLite file while it is in use, and the way back.

The copy is one moment of the database, whatever is written meanwhile: SQLite's backup API reads it
in one transaction, the log (``-wal``) included. ``cp`` of the file alone misses what is in the log.

What was undone since the backup comes back with it: a session that was ended, a password that was
changed, a link that was spent. ``Undone`` says what of it is to be undone again, in the copy,
before anybody can use it.

Source: sqlite.org/backup.html; OWASP ASVS 5.0 7.4.1 (an ended session stays ended).
"""

import os
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ringfence.core.errors import ConfigurationError
from ringfence.storage import statements
from ringfence.storage.rows import microseconds
from ringfence.storage.rows import roles as encoded
from ringfence.storage.sqlite.file import failure, primary_code
from ringfence.storage.sqlite.start import prepare

#: Marks a file as a backup of Ringfence ("RFbk"); ``user_version`` holds the minute it was made in.
_APPLICATION: Final = 0x5246626B
_MINUTE: Final = 60

#: By how much the versions of all tokens rise: no account has signed out everywhere so often since.
_FAR: Final = 1_000_000
_STEP_US: Final = 30_000_000  # of an authenticator app

_MODE: Final = 0o600
_SIDES: Final = ("", "-wal", "-shm")
_IN_USE: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What is to be undone again. Accounts are ids; those that are unknown are passed over."""

    all_sessions: bool
    sessions_of: frozenset[str] = frozenset()
    passwords_of: frozenset[str] = frozenset()  # they were changed: the old one must not work
    disabled: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


def back_up(database: Path, target: Path, now: datetime) -> None:
    """Copy ``database`` to ``target``, which must not exist; readable by its owner alone.

    Raises:
        ConfigurationError: There is no database, or something stands at ``target``.
        StoreError: The database cannot be read, the copy cannot be written or is damaged.
    """
    if not database.is_file():
        raise ConfigurationError("RINGFENCE_DATABASE: there is no such file")
    with _unfinished(target) as copy, _failing():
        # For writing, too: whoever only reads leaves a log and an index behind, perhaps root's.
        with closing(_connect(database, "rw")) as source, closing(_connect(copy, "rw")) as made:
            source.backup(made)
            made.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
            made.execute(f"PRAGMA application_id = {_APPLICATION}")
            made.execute(f"PRAGMA user_version = {int(now.timestamp()) // _MINUTE}")
            _verify(made)
        _place(copy, target)


def made_at(backup: Path) -> datetime:
    """When ``backup`` was made, to the minute, rounded down.

    Raises:
        ConfigurationError: It is no backup.
    """
    try:
        with closing(_connect(backup, "ro")) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (minute,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        application = minute = 0
    if application != _APPLICATION:
        raise ConfigurationError(f"{backup} was not made by ringfence backup")
    return datetime.fromtimestamp(minute * _MINUTE, UTC)


def fingerprints_in(backup: Path) -> Mapping[str, bytes]:
    """Those of the keys that ``backup`` belongs to; none if it is of an older version."""
    try:
        with closing(_connect(backup, "ro")) as connection:
            found = connection.execute(statements.FINGERPRINTS.sqlite).fetchall()
    except sqlite3.Error:  # no such table; what is damaged, ``restore`` finds
        return {}
    return dict(found)


def restore(
    backup: Path, database: Path, undone: Undone, now: datetime, *, replace: bool = False
) -> Path | None:
    """Put ``backup`` in the place of ``database``, up to date, and without what was undone since.

    Args:
        backup: The file, which is only read.
        database: Where it goes.
        undone: What is to be undone again.
        now: The time.
        replace: Whether a database that is there may be moved aside.

    Returns:
        Where the database that was there is now, if there was one.

    Raises:
        ConfigurationError: ``backup`` is none; a database is there, or in use.
        StoreError: The backup is damaged, or the disk does not take it.
    """
    made_at(backup)
    with _unfinished(database) as copy, _failing():
        with closing(_connect(backup, "ro")) as source, closing(_connect(copy, "rw")) as made:
            _verify(source)
            source.backup(made)
        prepare(copy)  # it may be of an older version
        with closing(_connect(copy, "rw")) as made:
            _undo_again(made, undone, microseconds(now))
            made.execute("PRAGMA application_id = 0")
            made.execute("PRAGMA user_version = 0")
            made.execute("PRAGMA journal_mode = DELETE")
        aside = _move_aside(database, now) if replace and _files(database) else None
        if left := _files(database):  # a log of another database would be played into this one
            raise ConfigurationError(f"{left[0]} is there already")
        _place(copy, database)
    return aside


# ----------------------------------------------------------------------------------------- files


def _connect(file: Path, mode: str) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5)


@contextmanager
def _unfinished(target: Path) -> Generator[Path]:
    """An empty file beside ``target``, in a folder that is gone at the end."""
    if not target.absolute().parent.is_dir():
        raise ConfigurationError(f"{target}: there is no such folder")
    try:
        folder = TemporaryDirectory(prefix=".ringfence-", dir=target.absolute().parent)
    except OSError as error:
        raise ConfigurationError(f"{target}: {os.strerror(error.errno or 0)}") from error
    with folder as name:
        copy = Path(name) / "unfinished.sqlite"
        os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE))
        yield copy


@contextmanager
def _failing() -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise failure(error) from error


def _verify(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError."""
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError("damaged")


def _place(copy: Path, target: Path) -> None:
    """Give the file its name, unless the name is taken, so that a power cut does not undo it."""
    with copy.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(copy, target)
    except FileExistsError:
        raise ConfigurationError(f"{target} is there already") from None
    folder = os.open(target.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _files(database: Path) -> list[Path]:
    """The files of a database that are there: itself, its log, its index."""
    sides = (database.with_name(database.name + side) for side in _SIDES)
    return [side for side in sides if side.exists()]


def _move_aside(database: Path, now: datetime) -> Path:
    """Give the old database another name; nobody may be using it, or hold what is in its log."""
    try:
        with closing(_connect(database, "rw")) as connection:
            # Needs the file for itself: every other connection, even an idle one, holds a lock.
            connection.execute("PRAGMA busy_timeout = 200")
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.Error as error:
        if primary_code(error) in _IN_USE:
            raise ConfigurationError(f"{database} is in use: stop the service first") from error
        # A damaged one is moved as it is.
    aside = database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%SZ}")
    for file in _files(database):
        file.rename(aside.with_name(aside.name + file.name.removeprefix(database.name)))
    return aside


# ---------------------------------------------------------------------------------- what is undone


def _undo_again(connection: sqlite3.Connection, undone: Undone, now_us: int) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM links")  # one that was spent since would work again
    connection.execute("DELETE FROM challenges")  # as above
    connection.execute("UPDATE totp SET step = max(step, ?)", (now_us // _STEP_US,))  # as above
    connection.execute("DELETE FROM outbox")  # mail that has been sent since
    for account in undone.roles:
        connection.execute(
            "UPDATE accounts SET roles = ?, role_version = role_version + ? WHERE id = ?",
            (encoded(undone.roles[account]), _FAR, account),
        )
    for account in undone.passwords_of:
        connection.execute("DELETE FROM verifiers WHERE account = ?", (account,))
    for account in undone.disabled:
        connection.execute(
            "UPDATE accounts SET disabled_us = coalesce(disabled_us, ?) WHERE id = ?",
            (now_us, account),
        )
    _end_sessions(connection, undone, now_us)
    # Workers learn of versions from the feed (``RevocationSource``): tokens of before are refused.
    connection.execute(
        "INSERT INTO revocations (at_us, session, account, token_version, role_version)"
        " SELECT ?, NULL, id, token_version, role_version FROM accounts",
        (now_us,),
    )
    for account in undone.deleted:
        connection.execute("DELETE FROM accounts WHERE id = ?", (account,))
    connection.execute("COMMIT")


def _end_sessions(connection: sqlite3.Connection, undone: Undone, now_us: int) -> None:
    """End every session, or those of accounts, and every token with them."""
    some = undone.sessions_of | undone.passwords_of | undone.disabled | undone.deleted
    connection.execute("CREATE TEMP TABLE ended (account TEXT PRIMARY KEY)")
    if undone.all_sessions:
        connection.execute("INSERT INTO ended SELECT id FROM accounts")
    else:
        connection.executemany("INSERT INTO ended VALUES (?)", ((each,) for each in some))
    connection.execute(
        "UPDATE accounts SET token_version = token_version + ?"
        " WHERE id IN (SELECT account FROM ended)",
        (_FAR,),
    )
    connection.execute(
        "UPDATE sessions SET revoked_us = ? WHERE revoked_us IS NULL"
        " AND account IN (SELECT account FROM ended)",
        (now_us,),
    )
