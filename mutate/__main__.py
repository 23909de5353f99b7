"""``python3 dev.py mutate [--list] [--only TEXT] [--shard I/N] [--attacks] [--report]``."""

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mutate.catalogue import StaleError, catalogue
from mutate.controls import equivalent
from mutate.copy import digest
from mutate.report import verdicts, write
from mutate.selection import Record
from mutate.source import Mutant
from mutate.state import FOLDER, State, known
from mutate.trials import MOST_SECONDS, Trials, cores, recorded


def main(*arguments: str) -> int:
    """Try every control that is asked for and not known yet. 1 if nobody notices one."""
    asked = _parser().parse_args(arguments)
    try:
        every = catalogue()
    except StaleError as error:
        print(f"mutate/controls.py does not fit the source any more:\n{error}", file=sys.stderr)
        return 1
    mutants = [mutant for mutant in every if re.search(asked.only, mutant.name)]
    if asked.list:
        print("\n".join(mutant.name for mutant in mutants))
        return 0
    FOLDER.mkdir(exist_ok=True)
    state = State.load(FOLDER / "state.json")
    if not asked.report:
        number, count = asked.shard
        _try(mutants[number - 1 :: count], state, asked)
    else:
        write(every, state.results)
    return _told(mutants, state)


def _try(mutants: Sequence[Mutant], state: State, asked: argparse.Namespace) -> None:
    found = verdicts(mutants, state.results)
    again = {"", "nobody"} if asked.again else {""}
    wanted = [
        mutant
        for mutant in mutants
        if found[mutant.name] in again
        or (asked.attacks and state.results[mutant.name].attack is None)
    ]
    wanted = [mutant for mutant in wanted if equivalent(mutant.name) is None]
    if not wanted:
        return
    began = time.monotonic()
    print(f"{len(wanted)} of {len(mutants)} controls to delete, {asked.jobs} at a time", flush=True)
    record = None if asked.near else _record(keep=asked.keep_record)
    done = 0

    def told(line: str) -> None:
        nonlocal done
        done += 1
        minutes = (time.monotonic() - began) / 60
        left = minutes / done * (len(wanted) - done)
        print(f"{done:5}/{len(wanted)}  {left:4.0f} min left  {line}", flush=True)

    Trials(
        mutants=wanted,
        state=state,
        record=record,
        known={} if asked.near else known(),
        attacks=asked.attacks,
        jobs=asked.jobs,
        seconds=asked.seconds,
        told=told,
    ).run()


def _record(*, keep: bool) -> Record:
    """Which test runs which line: of this tree, or (``--keep-record``) of the last one."""
    file = FOLDER / "record.json"
    now = digest()
    if file.exists():
        written: dict[str, Any] = json.loads(file.read_text())
        if keep or written.pop("digest") == now:
            written.pop("digest", None)
            return Record.read(written)
    print("running all tests once, to know which runs which line", flush=True)
    made = recorded(FOLDER)
    file.write_text(json.dumps({"digest": now, **made}))
    return Record.read(made)


def _told(mutants: Sequence[Mutant], state: State) -> int:
    found = verdicts(mutants, state.results)
    for name, verdict in found.items():
        if verdict == "nobody":
            print(f"NOBODY notices: {name}")
    counted = Counter(verdict or "not tried" for verdict in found.values())
    print(f"{len(found)} controls: " + ", ".join(f"{n} {what}" for what, n in counted.items()))
    return 1 if counted["nobody"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev.py mutate", description="Delete controls one at a time, and see who notices."
    )
    parser.add_argument("--list", action="store_true", help="name the controls, and try none")
    parser.add_argument("--only", default="", metavar="PATTERN", help="those whose name fits")
    parser.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N", help="every Nth")
    parser.add_argument("--attacks", action="store_true", help="run the attacks on each as well")
    parser.add_argument("--again", action="store_true", help="also what nobody noticed before")
    parser.add_argument("--keep-record", action="store_true", help="do not run all tests first")
    parser.add_argument(
        "--near", action="store_true", help="a quick look, with the tests that are named alike"
    )
    parser.add_argument("--report", action="store_true", help="write docs/proof.md, and try none")
    parser.add_argument(
        "--seconds", type=float, default=MOST_SECONDS, metavar="N", help="for one control, at most"
    )
    parser.add_argument("--jobs", type=int, default=cores(), metavar="N")
    return parser


def _shard(text: str) -> tuple[int, int]:
    number, count = map(int, text.split("/"))
    if not 1 <= number <= count:
        raise argparse.ArgumentTypeError("from 1/N to N/N")
    return number, count


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
