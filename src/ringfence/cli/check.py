"""``ringfence check``: what is wrong here, before somebody else finds it.

Nothing is changed: no key is made, no database is migrated, no application is started.

Sources: ATTACKS U19 (weak and default credentials); OWASP ASVS 5.0 sections 13.2 and 13.4.
"""

import argparse
import asyncio
import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.core.settings import Settings, parse

HELP: Final = "look for what is wrong with settings, keys, database and routes"


#: The problems, and what is worth knowing beside them.
_Found: TypeAlias = tuple[Sequence[str], str]

_LOOPBACK: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found."""

    check: str
    problems: Sequence[str] = ()
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help=HELP,
        description=f"{HELP.capitalize()}. Changes nothing; status 1 if something is wrong.",
    )
    parser.add_argument(
        "app", metavar="APP", nargs="?", help="module:attribute whose routes are looked at too"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Check everything and say what was found."""
    findings = list(_findings(arguments.app))
    ok = all(finding.ok for finding in findings)
    if arguments.json:
        checks = [{**asdict(finding), "ok": finding.ok} for finding in findings]
        print(json.dumps({"ok": ok, "checks": checks}))
        return 0 if ok else 1
    for finding in findings:
        count = len(finding.problems)
        plural = "" if count == 1 else "s"
        state = "ok" if finding.ok else f"{count} problem{plural}"
        print(f"{finding.check:<12} {state:<12} {finding.note}".rstrip())
        for problem in finding.problems:
            print(f"  {problem}")
    return 0 if ok else 1


def _findings(app: str | None) -> Iterator[Finding]:
    settings: Settings | None = None
    problems: Sequence[str] = ()
    try:
        settings = parse(os.environ)
    except ConfigurationError as error:
        problems = error.problems
    weak = [problem for problem in problems if problem.endswith(" is weak")]
    environment = f"for {settings.environment}" if settings else ""
    yield Finding(
        check="settings", problems=[p for p in problems if p not in weak], note=environment
    )
    yield Finding(check="credentials", problems=weak)
    if settings is not None:
        yield _found("keys", lambda: _keys(settings))
        yield _found("database", lambda: _database(settings.database))
    if app is not None:
        yield _found("routes", lambda: _routes(app))


def _found(check: str, look: Callable[[], _Found]) -> Finding:
    try:
        problems, note = look()
    except ConfigurationError as error:
        return Finding(check=check, problems=error.problems)
    except StoreError as error:
        return Finding(check=check, problems=[f"does not answer: {error.facts['reason']}"])
    return Finding(check=check, problems=problems, note=note)


def _keys(settings: Settings) -> _Found:
    from ringfence.storage.keys import load_or_create

    names = [file.name for file in settings.keys.iterdir()] if settings.keys.is_dir() else []
    if not names or "unfinished" in names:
        return (), "made by the next start"
    keys = load_or_create(settings.keys)
    return (), f"{len(keys.signing)} to sign with, pepper {max(keys.peppers)}"


def _routes(app: str) -> _Found:
    from ringfence.cli.boundaries import load
    from ringfence.stack import Ringfence

    found = load(app)
    survey = (found if isinstance(found, Ringfence) else Ringfence(found)).survey()
    return survey.problems, f"{len(survey.entries)} in {app}"


def _database(url: str) -> _Found:
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return _sqlite(url)
    if scheme == "postgresql":
        return asyncio.run(_postgres(url))
    return (), "in memory: nothing survives the process"


def _sqlite(url: str) -> _Found:
    import sqlite3

    from ringfence.storage.migrations import HEAD
    from ringfence.storage.sqlite.file import failure, file_of

    file = file_of(url)
    if not file.parent.is_dir():
        return ["the folder of the file does not exist"], ""
    try:
        mode = file.stat().st_mode
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except FileNotFoundError:
        return (), "made by the next start"
    except (OSError, sqlite3.Error) as error:
        raise failure(error) from error
    problems = ["the file is open to other users"] if mode & (stat.S_IRWXG | stat.S_IRWXO) else []
    return problems, f"sqlite, {_revision(row[0], HEAD)}"


async def _postgres(url: str) -> _Found:
    from ringfence.storage.migrations import HEAD
    from ringfence.storage.postgres.database import Database
    from ringfence.storage.statements import Query

    database = Database(url)
    await database.open()
    try:
        revision = await database.revision()
        row = await database.one(Query(_PRIVILEGES))
    finally:
        await database.close()
    if revision is None:
        return ["the tables are missing, or hidden from this role"], "postgresql"
    remote = (urlsplit(url).hostname or "") not in _LOOPBACK  # without one: a socket
    problems = [
        problem
        for problem, holds in zip(_TOO_MUCH, row or (), strict=False)
        if holds and (remote or problem != _UNENCRYPTED)
    ]
    return problems, f"postgresql, {_revision(revision, HEAD)}"


def _revision(found: str, needed: str) -> str:
    return f"revision {found}" + ("" if found == needed else f", {needed} is needed")


_UNENCRYPTED: Final = "the link to the server is not encrypted"

#: What the role of the service must not be or hold, in the order of ``_PRIVILEGES``.
_TOO_MUCH: Final = (
    "the role is a superuser: use ringfence_app",
    "the role passes by row-level security",
    "the role may make other roles",
    "the role may make databases",
    "the role owns the tables: use ringfence_app",
    "the role may make tables",
    "the role may truncate tables",
    _UNENCRYPTED,
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
