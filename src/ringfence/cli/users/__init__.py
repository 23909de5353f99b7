"""``ringfence users``: accounts, without a web page. Each change is an event with its operator."""

import argparse
import asyncio
from typing import Any, Final

from ringfence.cli.installation import add_operator, opened
from ringfence.cli.users import access, creation, factors, mailed, sessions, shown

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
    """Do what the action says."""
    asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    async with opened(arguments.operator) as installation:
        await arguments.act(installation, arguments)
