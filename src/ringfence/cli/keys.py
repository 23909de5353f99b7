"""``ringfence keys``: the keys of the installation."""

import argparse
import asyncio
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ringfence.cli.installation import add_operator, note, open_monitor, opened
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import parse
from ringfence.storage.keys import Kind, rotate

HELP: Final = "rotate the keys of the installation, and see who depends on them"

_BEGINS: Final = {Kind.SIGNING: "signs_from", Kind.SEALING: "seals_from"}


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "keys", help=HELP, description=HELP.capitalize() + "."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    command = actions.add_parser(
        "rotate",
        help="add a key, remove those that are over",
        description="Add a key, and remove those that are over. Processes that run notice it "
        "within a second. A key that signs or seals is used ten minutes later; a pepper is used "
        "at once, for passwords that are set from then on.",
    )
    command.add_argument(
        "--kind",
        choices=[*Kind],
        type=Kind,
        default=Kind.SIGNING,
        help="of access tokens (signing, the default), of refresh tokens' successors, of passwords",
    )
    command.add_argument(
        "--at-once",
        action="store_true",
        help="use it now and remove those before it, one of which has leaked",
    )
    command.set_defaults(act=_rotate)
    status = actions.add_parser(
        "status",
        help="count passwords by pepper",
        description="Count the passwords that depend on each pepper. Whoever signs in moves to the "
        "newest one; a pepper must stay as long as anybody depends on it.",
    )
    status.set_defaults(act=_status)
    for each in (command, status):
        each.add_argument("--json", action="store_true", help="one JSON object")
        add_operator(each)


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    act: Callable[[argparse.Namespace], None] = arguments.act
    act(arguments)
    return 0


def _status(arguments: argparse.Namespace) -> None:
    peppers = asyncio.run(_peppers(arguments))
    if arguments.json:
        print(json.dumps({"passwords": {str(version): n for version, n in peppers.items()}}))
        return
    for version, count in peppers.items():
        print(f"pepper {version}: {count} passwords")


async def _peppers(arguments: argparse.Namespace) -> Mapping[int, int]:
    async with opened(arguments.operator) as installation:
        return await installation.stores.derivations.peppers()


def _rotate(arguments: argparse.Namespace) -> None:
    if arguments.at_once and arguments.kind is Kind.PEPPER:
        raise ConfigurationError("a pepper stays as long as passwords that were set with it do")
    settings = parse(os.environ)
    now = datetime.now(UTC)
    rotated = rotate(settings.keys, now, arguments.kind, at_once=arguments.at_once)
    made = {"key": rotated.name}
    if rotated.kid is not None:
        made["kid"] = rotated.kid
    if rotated.begins is not None:
        made[_BEGINS[arguments.kind]] = rotated.begins.isoformat()
    monitor = open_monitor(settings)
    note(monitor, "keys.rotated", arguments.operator, key=rotated.name)
    monitor.close()
    if arguments.json:
        print(json.dumps(made))
    else:
        begins = f"from {rotated.begins.isoformat()} on" if rotated.begins else "at once"
        print(f"{rotated.kid or rotated.name} is used {begins}; back the folder up")
