"""The database: whether the start would take it, and what the service's role may do in it."""

import asyncio
import os
import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, LiteralString
from urllib.parse import urlsplit

from ringfence.cli.check.finding import Finding, Problem, Weight, found
from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.storage import statements
from ringfence.storage.migrations import HEAD
from ringfence.storage.rows import Row, moment
from ringfence.storage.sqlite.file import failure, file_of

_LOOPBACK: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})

#: How far the clocks of this machine and of the database's may be apart.
_APART: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found, and what other checks need to know of the database."""

    finding: Finding
    newest: datetime | None = None  # the newest time in it: not ahead of a right clock
    fingerprints: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    has_accounts: bool = False


def database(url: str) -> Checked:
    """Look at the database that ``url`` names. It is neither made, migrated nor written to."""
    scheme = url.partition(":")[0]
    try:
        if scheme == "sqlite":
            return _sqlite(file_of(url))
        if scheme == "postgresql":
            return asyncio.run(_postgres(url))
    except ConfigurationError as error:
        return Checked(finding=Finding(check="database", problems=_refused(error)))
    except StoreError as error:
        text = f"does not answer: {error.facts['reason']}"
        remedy = "start it, and look at RINGFENCE_DATABASE"
        problems = found("database-unreachable", text, remedy=remedy)
        return Checked(finding=Finding(check="database", problems=problems))
    return Checked(
        finding=Finding(check="database", note="in memory: nothing survives the process")
    )


def _refused(error: ConfigurationError) -> list[Problem]:
    return found(
        "database-refused",
        *(problem.removeprefix("RINGFENCE_DATABASE: ") for problem in error.problems),
        remedy="the start would refuse it, too",
    )


def _imports(*rows: Row) -> list[Problem]:
    """A time of imports that somebody may have forgotten to end."""
    if not any(row[0] for row in rows):
        return []
    return [
        Problem(
            rule="passwords-travel",
            text="clients repeat a refused sign-in with the password: accounts are being imported",
            remedy="when most have signed in: ringfence kdf end-import",
            weight=Weight.WARNING,
        )
    ]


# ------------------------------------------------------------------------------------- SQLite


def _sqlite(file: Path) -> Checked:
    if not file.parent.is_dir():
        raise ConfigurationError("RINGFENCE_DATABASE: the folder of the file does not exist")
    problems = _writable(file.parent)
    try:
        mode = file.stat().st_mode
        with closing(_read_only(file)) as connection:
            revision = _revision_of(connection)
            if revision != HEAD:
                _rehearse(connection)
            newest = _newest(connection) if revision == HEAD else None
            fingerprints = _rows(connection, statements.FINGERPRINTS.sqlite)
            accounts = _rows(connection, "SELECT 1 FROM accounts LIMIT 1")
            problems += _imports(*_rows(connection, "SELECT password_retry FROM derivation"))
    except FileNotFoundError:
        note = "made by the next start"
        return Checked(finding=Finding(check="database", problems=problems, note=note))
    except (OSError, sqlite3.Error) as error:
        raise failure(error) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = "the file is open to other users"
        problems += found("file-open-to-others", text, remedy=f"chmod go= {file}")
    finding = Finding(check="database", problems=problems, note=f"sqlite, {_said(revision)}")
    return Checked(
        finding=finding,
        newest=newest,
        fingerprints={row[0]: row[1] for row in fingerprints},
        has_accounts=bool(accounts),
    )


def _writable(folder: Path) -> list[Problem]:
    """SQLite writes beside the file, too."""
    if os.access(folder, os.W_OK | os.X_OK):
        return []
    text = "this user cannot write to the folder of the file"
    remedy = "run this command as the user of the service, or give that user the folder"
    return found("file-not-writable", text, remedy=remedy)


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)


def _rows(connection: sqlite3.Connection, query: LiteralString) -> list[Row]:
    """The rows; none where an older version has not made the table yet."""
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise


def _revision_of(connection: sqlite3.Connection) -> str | None:
    there = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    )
    if there.fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else row[0]


def _rehearse(connection: sqlite3.Connection) -> None:
    """Bring a copy up to date, as the start would do with the file itself.

    Raises:
        ConfigurationError: The start would refuse it, or fail.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from ringfence.storage.sqlite.start import prepare

    with TemporaryDirectory(prefix="ringfence-check-") as folder:
        copy = Path(folder) / "copy.sqlite"
        with closing(sqlite3.connect(copy)) as target:
            connection.backup(target)
        try:
            prepare(copy)
        except SQLAlchemyError as error:
            raise ConfigurationError(
                "it cannot be brought up to date: its tables are not those of its revision"
            ) from error


def _newest(connection: sqlite3.Connection) -> datetime | None:
    row = connection.execute(
        "SELECT max(us) FROM (SELECT max(created_us) AS us FROM accounts"
        " UNION ALL SELECT max(last_used_us) FROM sessions"
        " UNION ALL SELECT max(at_us) FROM revocations)"
    ).fetchone()
    return None if row[0] is None else moment(row[0])


def _said(revision: str | None) -> str:
    if revision is None:
        return "made by the next start"
    return f"revision {revision}" + ("" if revision == HEAD else f"; the start makes it {HEAD}")


# --------------------------------------------------------------------------------- PostgreSQL


async def _postgres(url: str) -> Checked:
    from ringfence.storage import open_stores
    from ringfence.storage.postgres.database import Database
    from ringfence.storage.statements import Query

    stores = open_stores(url)
    await stores.start()  # the start's own judgement of the revision; it changes nothing
    try:
        fingerprints = await stores.fingerprints.known()
        accounts = await stores.accounts.list(limit=1)
        derivation = await stores.derivations.get()
    finally:
        await stores.close()
    reader = Database(url)
    await reader.open()
    try:
        row = await reader.one(Query(_PRIVILEGES))
        now = await reader.one(Query("SELECT clock_timestamp()"))
    finally:
        await reader.close()
    remote = (urlsplit(url).hostname or "") not in _LOOPBACK  # without one: a socket
    problems = [
        problem
        for problem, holds in zip(_TOO_MUCH, row or (), strict=False)
        if holds and (remote or problem.rule != "database-unencrypted")
    ]
    problems += _imports((derivation.password_retry,))
    if now is not None and abs(now[0] - datetime.now(UTC)) > _APART:
        text = "the clocks of this machine and of the database differ by more than 2 seconds"
        problems += found("clock-wrong", text, remedy="let NTP keep both: timedatectl set-ntp true")
    return Checked(
        finding=Finding(check="database", problems=problems, note=f"postgresql, {_said(HEAD)}"),
        fingerprints=fingerprints,
        has_accounts=bool(accounts),
    )


def _privilege(text: str) -> Problem:
    remedy = "use ringfence_app, as `ringfence migrate` leaves it"
    return Problem(rule="database-privilege", text=text, remedy=remedy)


#: What the role of the service must not be or hold, in the order of ``_PRIVILEGES``.
_TOO_MUCH: Final = (
    _privilege("the role is a superuser"),
    _privilege("the role passes by row-level security"),
    _privilege("the role may make other roles"),
    _privilege("the role may make databases"),
    _privilege("the role owns the tables"),
    _privilege("the role may make tables"),
    _privilege("the role may truncate tables"),
    Problem(
        rule="database-unencrypted",
        text="the link to the server is not encrypted",
        remedy="add ?sslmode=verify-full to RINGFENCE_DATABASE",
    ),
)

_PRIVILEGES: Final = """
SELECT me.rolsuper, me.rolbypassrls, me.rolcreaterole, me.rolcreatedb,
       bool_or(pg_has_role(me.oid, tables.relowner, 'USAGE')),
       has_schema_privilege(me.oid, tables.relnamespace, 'CREATE'),
       bool_or(has_table_privilege(me.oid, tables.oid, 'TRUNCATE')),
       NOT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)
FROM pg_roles AS me, pg_class AS tables
WHERE me.rolname = current_user AND tables.relkind = 'r'
  AND tables.relnamespace = to_regnamespace('ringfence')
GROUP BY me.oid, me.rolsuper, me.rolbypassrls, me.rolcreaterole, me.rolcreatedb,
         tables.relnamespace
"""
