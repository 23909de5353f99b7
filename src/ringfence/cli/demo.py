"""``ringfence demo``: the demo shop, which is a distribution of its own.

Careless code never ships with the library, so the shop is found at run time or not at all.
"""

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

HELP: Final = "start the demo shop on this machine"

_MISSING: Final = """\
The demo shop is not installed: it is careless on purpose, and no part of the library.
In a checkout of Ringfence, `python3 dev.py demo` sets it up and starts it;
`pip install ./demo` there puts it beside an installed Ringfence."""


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command; its arguments are the shop's."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo", help=HELP, description=HELP.capitalize() + "."
    )
    if find_spec("ringfence_demo") is not None:
        import_module("ringfence_demo.arguments").add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve the shop until Ctrl-C."""
    if find_spec("ringfence_demo") is None:
        print(_MISSING, file=sys.stderr)
        return 1
    status: int = import_module("ringfence_demo.__main__").run(arguments)
    return status
