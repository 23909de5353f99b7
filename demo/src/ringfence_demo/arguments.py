"""The arguments of ``ringfence demo``. Imports nothing heavy: every command line reads them."""

import argparse
from pathlib import Path
from typing import Final

from ringfence.core.codes import Layer

DESCRIPTION: Final = "start the demo shop on this machine"
FOLDER: Final = Path(".ringfence-demo")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them all to ``parser``."""
    parser.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="0 takes a free one (default: 8000)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where to listen (default: 127.0.0.1)",
    )
    parser.add_argument(
        "--database",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="postgres starts a private server (default: sqlite)",
    )
    parser.add_argument(
        "--naked", action="store_true", help="start the same code with every layer off as well"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=FOLDER,
        metavar="FOLDER",
        help=f"where everything is kept (default: {FOLDER})",
    )
    parser.add_argument(
        "--off",
        type=_layers,
        default=frozenset[Layer](),
        metavar="LAYER,…",
        help="put careless layers in the place of these, such as boundary,output",
    )
    parser.add_argument(
        "--reachable",
        action="append",
        default=[],
        type=_endpoint,
        metavar="ADDRESS:PORT",
        help="let /tools/fetch reach this, though it is not public",
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:  # noqa: PLR2004  # 16 bits
        raise argparse.ArgumentTypeError("a port is a number up to 65535")
    return int(text)


def _layers(text: str) -> frozenset[Layer]:
    try:
        return frozenset(Layer(name) for name in text.split(",") if name)
    except ValueError:
        raise argparse.ArgumentTypeError(f"layers are {', '.join(Layer)}") from None


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    if not address:
        raise argparse.ArgumentTypeError("give it as 127.0.0.1:9000")
    return address.strip("[]"), _port(port)
