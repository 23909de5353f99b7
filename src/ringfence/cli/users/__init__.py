"""``ringfence users``: accounts, without a web page. Each change is an event with its operator."""

import argparse
import asyncio
from typing import Any, Final

from ringfence.cli.installation import add_operator, opened
from ringfence.cli.users import (
    access,
    creation,
    exporting,
    factors,
    importing,
    mailed,
    sessions,
    shown,
)

HELP: Final = "create, list and change accounts, and end their sessions"

_ACTIONS: Final = (
    creation.create,
    shown.listing,
    access.roles,
    access.disable,
    access.enable,
    access.delete,
    sessions.listing,
    sessions.end,
    mailed.reset_link,
    mailed.change_login,
    factors.reset_mfa,
    importing.importing,
    exporting.exporting,
)


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "users", help=HELP, description=HELP.capitalize() + "."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for add in _ACTIONS:
        action = add(actions)
        action.add_argument("--json", action="store_true", help="one JSON object")
        add_operator(action)


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says; returns the exit status."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with opened(arguments.operator) as installation:
        return await arguments.act(installation, arguments) or 0
