"""The command line. One file a command; only the one that is asked for is imported.

A command is a module with ``add_parser(subparsers)`` and ``run(arguments) -> int``. What is wrong
with settings, routes or arguments is said in a line each on standard error, never by a traceback.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from ringfence.core.errors import ConfigurationError, Refused, StoreError

#: Every command, with what it does; the module of the same name says the rest.
COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "demo": "start the demo shop on this machine",
        "attack": "attack the demo shop, and show which layer stops what",
        "serve": "run the auth service alone",
        "boundaries": "show each route, who may use it, and which layers ask what of it",
        "check": "look for what is wrong with settings, keys, database, routes and git",
        "users": "create, list and change accounts, and end their sessions",
        "limits": "list and clear the limits that are in use",
        "kdf": "raise what deriving a key costs, and see who has moved",
        "mail": "list, retry and drop mail that waits",
        "keys": "rotate the keys of the installation, and see who depends on them",
        "database": "row-level security for the application's PostgreSQL",
        "migrate": "bring the database up to date",
        "backup": "copy the database while the service runs",
        "restore": "put a backup of the database in place",
    }
)

_DESCRIPTION: Final = "The boundary of a Python backend, as data and in layers."
_SETTINGS: Final = """\
ringfence COMMAND --help says more. Settings are read from the environment:
RINGFENCE_ORIGIN, RINGFENCE_DATABASE and others. `ringfence check` names what
is missing, weak or unknown."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a refusal, 2 for wrong arguments."""
    words = list(sys.argv[1:] if argv is None else argv)
    command, arguments = _parse(words)
    try:
        status: int = command.run(arguments)
        sys.stdout.flush()
    except ConfigurationError as error:
        return _failed(*error.problems)
    except StoreError as error:
        return _failed(f"the {error.facts['store']} store does not answer: {error.facts['reason']}")
    except Refused as error:
        return _failed(f"{error.code.title} ({error.code.name})")
    except BrokenPipeError:  # the reader has seen enough: `ringfence users list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _parse(words: Sequence[str]) -> tuple[Any, argparse.Namespace]:
    """The command that ``words`` ask for, imported, and its arguments."""
    parser = argparse.ArgumentParser(
        prog="ringfence",
        usage="ringfence [-h] [--version] COMMAND …",
        description=_DESCRIPTION,
        epilog=f"{_commands()}\n\n{_SETTINGS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show the program's version and exit"
    )
    subparsers = parser.add_subparsers(
        prog="ringfence", metavar="COMMAND", required=True, help=argparse.SUPPRESS
    )
    command: Any = None
    for name in COMMANDS:
        if words[:1] == [name]:
            command = import_module(f"ringfence.cli.{name}")
            command.add_parser(subparsers)
        else:
            subparsers.add_parser(name)
    return command, parser.parse_args(words)


def _commands() -> str:
    """The commands for ``--help``: argparse's own list breaks the line of the longest name."""
    width = max(map(len, COMMANDS))
    return "\n".join(["commands:", *(f"  {name:<{width}}  {COMMANDS[name]}" for name in COMMANDS)])


class _Version(argparse.Action):
    """Reads the version when it is asked for: the reader costs as much as all else here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"ringfence {version('ringfence')}\n")


def _failed(*lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return 1
