"""``ringfence backup``: the accounts and sessions of a SQLite installation, while it runs.

The keys are never part of it: whoever finds a backup must not be able to guess passwords or to
forge tokens. docs/backup.md says how both are kept.
"""

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ringfence.cli.installation import add_operator, note, open_monitor
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import parse

HELP: Final = "copy the database while the service runs"


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "backup",
        help=HELP,
        description=f"{HELP.capitalize()}. The keys are not part of it: keep them apart.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="is made, for your eyes only")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_operator(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the backup."""
    from ringfence.storage.sqlite.backup import back_up
    from ringfence.storage.sqlite.file import file_of

    settings = parse(os.environ)
    refuse_postgres(settings.database, "pg_dump --schema=ringfence --format=custom")
    file: Path = arguments.file
    back_up(file_of(settings.database), file, datetime.now(UTC))
    monitor = open_monitor(settings)
    note(monitor, "database.saved", arguments.operator, file=file.name)
    monitor.close()
    size = file.stat().st_size
    if arguments.json:
        print(json.dumps({"file": str(file), "bytes": size}))
    else:
        print(f"{file} holds {size} bytes; the keys are not in it: keep {settings.keys} apart")
    return 0


def refuse_postgres(database: str, instead: str) -> None:
    """Raises ConfigurationError where the database is not SQLite's."""
    if not database.startswith("sqlite:"):
        raise ConfigurationError(
            f"RINGFENCE_DATABASE is not SQLite: as the owner of the tables use {instead}",
            "docs/backup.md says what else there is to do",
        )
