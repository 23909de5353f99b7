"""``ringfence users import``: people from another program, with the passwords that they have.

Rows are stored in pieces, each in one transaction, an account together with its hash. An import
that was interrupted is run again: who is there already is left as they are.

Hashes are verified when their owners sign in. That needs a time of imports (``ringfence kdf``),
which begins with the first hash.
"""

import argparse
import json
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ringfence.authn.imported.passwords import Person
from ringfence.authn.imported.refusal import Reason, Unusable
from ringfence.authn.imported.sealed import seal
from ringfence.authn.keys import Keys
from ringfence.cli.installation import Installation, note
from ringfence.cli.users import files, tables
from ringfence.cli.users.access import by_owner
from ringfence.cli.users.bar import Bar
from ringfence.cli.users.columns import LAYOUTS, OWN, Newcomer, Reader, Row, chosen
from ringfence.core.errors import ConfigurationError
from ringfence.storage.keys import open_keys

#: Rows in one transaction: SQLite's other writers wait for some milliseconds.
_PIECE: Final = 250
#: Refusals that are printed; ``--json`` has all of them.
_SHOWN: Final = 20


def importing(actions: Any) -> argparse.ArgumentParser:  # noqa: ANN401  # argparse keeps its type private
    """Add ``import``."""
    action: argparse.ArgumentParser = actions.add_parser(
        "import",
        help="import accounts and the hashes of their passwords",
        description="Import accounts from a file or a table of another program. Their owners sign "
        "in with the passwords that they have. It may be run again: who is there is left as they "
        "are. The exit status is 1 if a row was refused. On PostgreSQL the owner of the tables "
        "does it.",
    )
    action.add_argument("file", metavar="FILE", nargs="?", help=".jsonl, .csv or .json")
    action.add_argument("--from-sql", metavar="URL", help="a database instead, as SQLAlchemy reads")
    action.add_argument("--table", metavar="TABLE", help="its table, SCHEMA.TABLE")
    action.add_argument(
        "--layout", choices=sorted(LAYOUTS), default="ringfence", help="whose columns they are"
    )
    action.add_argument(
        "--columns", metavar="FIELD=COLUMN,…", help="other columns: login=email,hash=password"
    )
    action.add_argument(
        "--firebase-parameters", metavar="FILE", help="JSON with the project's hash parameters"
    )
    action.add_argument(
        "--no-passwords", action="store_true", help="leave the hashes: they reset their passwords"
    )
    action.add_argument("--dry-run", action="store_true", help="only read and report")
    action.set_defaults(act=_import)
    return action


@dataclass(slots=True)
class _Report:
    """What became of the rows."""

    imported: int = 0
    passwords: int = 0  # of those imported
    present: int = 0
    refused: list[tuple[int, Reason, str]] = field(default_factory=list[tuple[int, Reason, str]])

    def refuse(self, row: int, error: Unusable) -> None:
        self.refused.append((row, error.reason, error.sentence))


@dataclass(frozen=True, slots=True)
class _Import:
    """One run of the command."""

    installation: Installation
    keys: Keys
    report: _Report
    dry: bool

    async def store(self, piece: Sequence[tuple[int, Newcomer]]) -> None:
        """Store one piece; what is refused is in the report."""
        people = [Person(account=each.account, hash=self._sealed(each)) for _, each in piece]
        if self.dry:
            answers: Sequence[Reason | None] = [None] * len(people)
        else:
            if any(person.hash for person in people):
                await _begin(self.installation)
            answers = await by_owner(self.installation.stores.imports.add(people))
        for (row, newcomer), person, refused in zip(piece, people, answers, strict=True):
            if refused is None:
                self.report.imported += 1
                self.report.passwords += person.hash is not None
            elif refused is Reason.LOGIN_TAKEN and await self._is_there(newcomer):
                self.report.present += 1
            else:
                self.report.refuse(row, Unusable(refused))

    def _sealed(self, newcomer: Newcomer) -> Any:  # noqa: ANN401  # SealedHash or None
        if newcomer.hash is None:
            return None
        return seal(newcomer.hash, newcomer.account.id, self.keys.peppers, secrets.token_bytes)

    async def _is_there(self, newcomer: Newcomer) -> bool:
        """Whether the account that has the login is this one, as far as can be told."""
        stores, login = self.installation.stores, newcomer.account.login
        found = await stores.accounts.find_by_login(login)
        return not newcomer.named or (found is not None and found.id == newcomer.account.id)


async def _import(installation: Installation, arguments: argparse.Namespace) -> int:
    layout = LAYOUTS[arguments.layout]
    columns = chosen(layout, arguments.columns)
    reader = Reader(
        columns=columns,
        strict=layout is OWN and arguments.columns is None,
        hashes=not arguments.no_passwords,
        now=datetime.now(UTC),
        random=secrets.token_bytes,
    )
    rows = _rows(arguments)
    keys = await open_keys(installation.settings.keys, installation.stores)
    run = _Import(installation, keys, _Report(), arguments.dry_run)
    bar = Bar(sys.stderr)
    try:
        await _all(run, reader, rows, bar)
    finally:
        bar.clear()
        if run.report.imported and not arguments.dry_run:
            _note(installation, run.report)
    _print(run.report, as_json=arguments.json, dry=arguments.dry_run)
    return 1 if run.report.refused else 0


async def _all(
    run: _Import, reader: Reader, rows: AsyncIterator[tuple[Row | Unusable, float | None]], bar: Bar
) -> None:
    piece: list[tuple[int, Newcomer]] = []
    number = 0
    async for row, share in rows:
        number += 1
        try:
            if isinstance(row, Unusable):
                raise row
            piece.append((number, reader.read(row)))
        except Unusable as error:
            run.report.refuse(number, error)
        if len(piece) >= _PIECE:
            await run.store(piece)
            piece = []
        bar.draw(number, share)
    await run.store(piece)
    run.report.refused.sort()


async def _rows(
    arguments: argparse.Namespace,
) -> AsyncIterator[tuple[Row | Unusable, float | None]]:
    """The rows, each with the share of all that is read, where that is known."""
    layout = LAYOUTS[arguments.layout]
    columns = chosen(layout, arguments.columns)
    if (arguments.file is None) == (arguments.from_sql is None):
        raise ConfigurationError("either a file or --from-sql")
    if arguments.from_sql is not None:
        table = arguments.table or layout.table
        if not table:
            raise ConfigurationError("--from-sql: name its --table")
        if layout is OWN and arguments.columns is None:
            raise ConfigurationError("--from-sql: name --columns, or a --layout")
        async for row in tables.rows(arguments.from_sql, table, layout, columns):
            yield row, None
        return
    parameters = None
    if arguments.layout == "firebase":
        if arguments.firebase_parameters is None:
            raise ConfigurationError("--layout firebase: name --firebase-parameters as well")
        parameters = files.FirebaseParameters.read(Path(arguments.firebase_parameters))
    every = layout is not OWN or arguments.columns is not None
    for row, share in files.rows(Path(arguments.file), columns, every=every):
        if parameters is not None and not isinstance(row, Unusable):
            yield parameters.joined(row), share
        else:
            yield row, share


async def _begin(installation: Installation) -> None:
    """Begin a time of imports: before the first hash, so that nobody is turned away."""
    derivations = installation.stores.derivations
    derivation = await derivations.get()
    if not derivation.password_retry:
        await by_owner(derivations.put(replace(derivation, password_retry=True)))
        note(installation.monitor, "import.begun", installation.operator)


def _note(installation: Installation, report: _Report) -> None:
    facts = {
        "imported": str(report.imported),
        "passwords": str(report.passwords),
        "refused": str(len(report.refused)),
    }
    note(installation.monitor, "accounts.imported", installation.operator, **facts)


def _print(report: _Report, *, as_json: bool, dry: bool) -> None:
    if as_json:
        refused = [
            {"row": row, "code": reason.value, "reason": sentence}
            for row, reason, sentence in report.refused
        ]
        counts = {
            "imported": report.imported,
            "passwords": report.passwords,
            "present": report.present,
        }
        print(json.dumps({"dry_run": dry, **counts, "refused": refused}))
        return
    print(f"{'could be imported' if dry else 'imported'}  {report.imported:,}")
    print(f"  with a password  {report.passwords:,}")
    if report.present:
        print(f"there already      {report.present:,}, left as they are")
    if report.refused:
        print(f"refused            {len(report.refused):,}")
        for reason, count in Counter(reason for _, reason, _ in report.refused).most_common():
            print(f"  {count:>6,}  {reason.value}")
        for row, reason, sentence in report.refused[:_SHOWN]:
            print(f"  row {row}: {reason.value}: {sentence}")
        if len(report.refused) > _SHOWN:
            print("  … --json prints all of them")
    if report.passwords and not dry:
        print("Whoever signs in moves; `ringfence kdf status` counts who has not, and")
        print("`ringfence kdf end-import` ends the time in which clients send passwords.")
