"""``ringfence migrate``: the schema of the auth service's database."""

import argparse
import os
from typing import Any, Final

from ringfence.core.settings import parse
from ringfence.storage.migrate import migrate
from ringfence.storage.migrations import HEAD

HELP: Final = "bring the database up to date"


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    subparsers.add_parser(
        "migrate",
        help=HELP,
        description=f"{HELP.capitalize()}: the one that RINGFENCE_DATABASE names. On PostgreSQL "
        "name the owner of the schema there, not the role that the service runs as. SQLite is "
        "brought up to date by each start as well.",
    )


def run(_arguments: argparse.Namespace) -> int:
    """Migrate."""
    migrate(parse(os.environ).database)
    print(f"the database is at revision {HEAD}")
    return 0
