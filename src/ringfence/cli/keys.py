"""``ringfence keys``: the keys of the installation."""

import argparse
import json
import os
from datetime import UTC, datetime
from typing import Any, Final

from ringfence.cli.installation import add_operator, note, open_monitor
from ringfence.core.settings import parse
from ringfence.storage.keys import load, rotate_signing

HELP: Final = "rotate the key that signs access tokens"


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "keys", help=HELP, description=HELP.capitalize() + "."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    rotate = actions.add_parser(
        "rotate",
        help="add a signing key, remove those that are over",
        description="Add a key for access tokens, and remove those that are over. It is published "
        "first and signs later: start every process of the service anew in between.",
    )
    rotate.add_argument("--json", action="store_true", help="one JSON object")
    add_operator(rotate)


def run(arguments: argparse.Namespace) -> int:
    """Rotate the signing key."""
    settings = parse(os.environ)
    rotate_signing(settings.keys, datetime.now(UTC))
    newest = load(settings.keys).signing[-1]
    monitor = open_monitor(settings)
    note(monitor, "keys.rotated", arguments.operator, kid=newest.kid[:8])
    monitor.close()
    begins = newest.signs_from.isoformat()
    if arguments.json:
        print(json.dumps({"kid": newest.kid, "signs_from": begins}))
    else:
        print(f"{newest.kid} signs from {begins} on; start every process anew before")
    return 0
