"""Tries to start a guarded application with other settings, for ATTACKS U19.

A list of environments stands on standard input, as JSON. For each an application is started and
ended, and what it said when it refused is written to standard output; ``null`` where it started.
With the boundary off, settings are read as a hurried team reads them.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette

from ringfence import Ringfence, Settings
from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import parse
from ringfence_demo.arguments import add_arguments
from ringfence_demo.careless import careless
from ringfence_demo.careless.boundary import believe_settings

_REQUIRED = ("SHOP_SECRET",)


def main() -> None:
    """Try each of them."""
    parser = argparse.ArgumentParser(prog="ringfence_demo.starts")
    add_arguments(parser)
    off = frozenset[Layer](parser.parse_args().off)
    said = [asyncio.run(_start(environment, off)) for environment in json.load(sys.stdin)]
    json.dump(said, sys.stdout)


async def _start(environment: Mapping[str, str], off: frozenset[Layer]) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        everything = {
            "RINGFENCE_ENV": "test",
            "RINGFENCE_ORIGIN": "http://127.0.0.1:8000",
            "RINGFENCE_DATABASE": "memory:",
            "RINGFENCE_KEYS": str(Path(folder) / "keys"),
            **environment,
        }
        try:
            guard = Ringfence(
                Starlette(), settings=_settings(everything, off), layers=careless(*off)
            )
            await guard.start()
            await guard.close()
        except ConfigurationError as error:
            return "\n".join(error.problems)
    return None


def _settings(environment: Mapping[str, str], off: frozenset[Layer]) -> Settings:
    if Layer.BOUNDARY in off:
        return believe_settings(environment)
    return parse(environment, required=_REQUIRED)


if __name__ == "__main__":
    main()
