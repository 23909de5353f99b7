"""``ringfence attack``: attacks on a running application, with each layer switched off in turn."""

import argparse
import asyncio
import contextlib
import errno
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from ringfence.core.errors import ConfigurationError

if TYPE_CHECKING:
    from ringfence.attack.ablation import Matrix
    from ringfence.attack.about import About
    from ringfence.attack.outcome import Run
    from ringfence.attack.target import Target

HELP: Final = "attack the demo shop, and show which layer stops what"

_DESCRIPTION: Final = """\
Attack the demo shop or another target that is installed, and show which layer
stops what. Without --ablate with nothing off and with every layer off; with it,
each layer is also switched off in turn, and the target is attacked in
production mode."""
_MISSING: Final = """\
The demo shop is not installed: it is careless on purpose, and no part of the library.
In a checkout of Ringfence, `pip install ./demo` puts it beside an installed Ringfence."""
_NO_TARGET: Final = "Say what to attack: --demo, or --target NAME."
_DEMO: Final = "demo"


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "attack",
        help=HELP,
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--demo",
        dest="target",
        action="store_const",
        const=_DEMO,
        help="the demo shop, started on free ports",
    )
    parser.add_argument(
        "--target",
        metavar="NAME",
        help="an installed target (an entry point of the group ringfence.targets)",
    )
    parser.add_argument(
        "--database",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="what the target runs on (default: sqlite)",
    )
    parser.add_argument("--only", metavar="ID,…", help="these attacks: I02,Z01")
    parser.add_argument("--list", action="store_true", help="name the attacks, and start nothing")
    parser.add_argument("--ablate", action="store_true", help="switch each layer off in turn")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report as one page")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="what was sent and what came back"
    )


def run(arguments: argparse.Namespace) -> int:
    """Attack. Non-zero when something gets through that should not, or was not shown."""
    if arguments.list:
        return _list()
    if not arguments.target:
        print(_NO_TARGET, file=sys.stderr)
        return 2
    target = _target(arguments.target, arguments.database)
    page = _Page(arguments.html) if arguments.html is not None else None
    try:
        return _report(arguments, target, page)
    finally:
        if page is not None:
            page.close()


def _report(arguments: argparse.Namespace, target: "Target", page: "_Page | None") -> int:
    from ringfence.attack.about import About

    started, clock = datetime.now(UTC), time.monotonic()
    matrix = _attack(arguments, target)
    about = About(
        target=target.title,
        profile=f"{platform.system().lower()} {arguments.database}",
        version=version("ringfence"),
        started=started,
        seconds=time.monotonic() - clock,
    )
    if page is not None:
        from ringfence.attack.page import page as drawn

        page.write(drawn(matrix, about))
    _print(arguments, matrix, about)
    return 0 if matrix.summary.good else 1


def _target(name: str, database: str) -> "Target":
    """What is to be attacked. Raises ConfigurationError if it is not there, or not on this."""
    from ringfence.attack.target import find, installed

    target = find(name)
    if target is None:
        known = ", ".join(installed()) or "none"
        raise ConfigurationError(
            _MISSING if name == _DEMO else f"{name} is no target; installed: {known}"
        )
    if database not in target.databases:
        raise ConfigurationError(f"{target.title} does not run on {database}")
    return target


def _attack(arguments: argparse.Namespace, target: "Target") -> "Matrix":
    from ringfence.attack import table
    from ringfence.attack.ablation import Matrix
    from ringfence.attack.attacks import ATTACKS
    from ringfence.attack.catalogue import catalogue, chosen
    from ringfence.attack.configuration import ABLATED, SHORT
    from ringfence.attack.progress import Progress
    from ringfence.attack.runner import Order, run

    attacks = chosen(arguments.only, ATTACKS)
    configurations = ABLATED if arguments.ablate else SHORT
    rows = {each: catalogue()[each] for each in attacks}
    colour = _coloured(sys.stderr)

    def drawn(runs: "Mapping[str, Mapping[str, Run]]") -> list[str]:
        known = {each: runs.get(each, {}) for each in attacks}
        found = Matrix(rows=rows, configurations=configurations, runs=known, benign={})
        return table.rows(found, colour=colour)

    progress = Progress(sys.stderr, len(configurations) * (len(attacks) + 1), drawn)
    order = Order(
        target=target,
        attacks=attacks,
        configurations=configurations,
        database=arguments.database,
        told=progress,
    )
    try:
        return asyncio.run(run(order))
    except* ConfigurationError as group:
        raise _first(group) from None
    finally:
        # Ctrl-C is for the browser's driver as well, and nobody waits for what it said last.
        logging.getLogger("asyncio").disabled = True
        progress.close()


def _first(group: BaseExceptionGroup[ConfigurationError]) -> ConfigurationError:
    for error in group.exceptions:
        return error if isinstance(error, ConfigurationError) else _first(error)
    raise AssertionError  # a group is never empty


def _print(arguments: argparse.Namespace, matrix: "Matrix", about: "About") -> None:
    from ringfence.attack.report import report
    from ringfence.attack.table import table
    from ringfence.attack.transcript import transcript

    if arguments.json:
        print(json.dumps(report(matrix, about), indent=2, ensure_ascii=False))
        return
    if arguments.verbose:
        for line in transcript(matrix):
            print(line)
    print("\n".join(table(matrix, about, colour=_coloured(sys.stdout))))


def _coloured(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ


def _list() -> int:
    from ringfence.attack.transcript import listing

    print("\n".join(listing()))
    return 0


class _Page:
    """The page of ``--html``. The last one stays where it is until a new one is finished.

    Raises:
        ConfigurationError: It cannot be written; rather now than after minutes.
    """

    def __init__(self, file: Path) -> None:
        self._file: Final = file
        self._new: Final = file.with_name(f".{file.name}.{os.getpid()}")
        with self._said():
            if file.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._new.touch()

    def write(self, text: str) -> None:
        with self._said():
            self._new.write_text(text, "utf-8")
            self._new.replace(self._file)

    def close(self) -> None:
        """Leave nothing that is not finished."""
        self._new.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _said(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(f"{self._file}: {error.strerror}") from error
