"""``python3 dev.py bench [--json] [--only NAME,…] [--rounds N]``."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from bench.measure import Effort, Section
from bench.report import summary, table
from bench.sections import growth, orders, pipeline, signins

SECTIONS: Final[Mapping[str, Callable[[Effort], Section]]] = {
    orders.NAME: orders.measure,
    pipeline.NAME: pipeline.measure,
    signins.NAME: signins.measure,
    growth.NAME: growth.measure,
}


def main(*arguments: str) -> int:
    """Measure, and print the report. Goals are shown, not enforced."""
    asked = _parser().parse_args(arguments)
    names: list[str] = asked.only.split(",") if asked.only else list(SECTIONS)
    if unknown := [name for name in names if name not in SECTIONS]:
        print(f"there is no {', '.join(unknown)}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    effort = replace(Effort(), rounds=asked.rounds)
    found: list[Section] = []
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        found.append(SECTIONS[name](effort))
    print(json.dumps(summary(found), indent=1, ensure_ascii=False) if asked.json else table(found))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev.py bench", description="What Ringfence costs, side by side with its peers."
    )
    parser.add_argument("--json", action="store_true", help="one object in place of the table")
    parser.add_argument("--only", metavar="NAME,…", help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=_rounds, default=Effort().rounds, metavar="N")
    return parser


def _rounds(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("one at least")
    return number


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
