"""The table of ``docs/proof.md``, and the tests that a sample runs."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from mutate.controls import AREAS, Area, area, equivalent
from mutate.source import ROOT, Mutant, Source
from mutate.state import NOTICED, Result

PAGE: Final = ROOT / "docs/proof.md"
BEGIN: Final = "<!-- python3 dev.py mutate --report: begin -->\n"
END: Final = "<!-- python3 dev.py mutate --report: end -->\n"

_HEAD: Final = """\
| controls of | after | deleted | an attack notices | a test does | nobody | no difference |
|---|---|--:|--:|--:|--:|--:|
"""


def verdicts(mutants: Iterable[Mutant], results: Mapping[str, Result]) -> dict[str, str]:
    """For each control: "attack", "test", "nobody", "equivalent", or "" where it was not tried.

    A result counts while the module is the one that it was found in.
    """
    digests: dict[str, str] = {}
    found: dict[str, str] = {}
    for mutant in mutants:
        if mutant.module not in digests:
            digests[mutant.module] = Source(mutant.module).digest
        result = results.get(mutant.name)
        if result is None or result.source != digests[mutant.module]:
            found[mutant.name] = "equivalent" if equivalent(mutant.name) else ""
        elif result.attack:
            found[mutant.name] = "attack"
        elif result.test:
            found[mutant.name] = "test"
        else:
            found[mutant.name] = "equivalent" if equivalent(mutant.name) else "nobody"
    return found


def table(mutants: Sequence[Mutant], results: Mapping[str, Result]) -> str:
    """The table and the names of what nobody noticed, as Markdown."""
    found = verdicts(mutants, results)
    rows = [_row(each, mutants, found, results) for each in AREAS]
    total = _cells("all", "", [m.name for m in mutants], found, results)
    nobody = [f"- `{name}`\n" for name, verdict in found.items() if verdict == "nobody"]
    untried = sum(not verdict for verdict in found.values())
    lines = [_HEAD, *rows, total, "\n"]
    if untried:
        lines.append(f"{untried} of them were not tried since their module changed.\n\n")
    lines.append("Nobody noticed:\n\n" if nobody else "There is none that nobody noticed.\n")
    return "".join([*lines, *nobody])


def _row(
    each: Area, mutants: Sequence[Mutant], found: Mapping[str, str], results: Mapping[str, Result]
) -> str:
    names = [mutant.name for mutant in mutants if area(mutant.module) is each]
    return _cells(each.name, each.sources, names, found, results)


def _cells(
    name: str,
    sources: str,
    names: Sequence[str],
    found: Mapping[str, str],
    results: Mapping[str, Result],
) -> str:
    attack = sum(found[each] == "attack" for each in names)
    test = sum(bool(found[each]) and bool(results.get(each, Result()).test) for each in names)
    nobody = sum(found[each] == "nobody" for each in names)
    same = sum(found[each] == "equivalent" for each in names)
    cells = [name, sources, *map(str, (len(names), attack, test, nobody, same))]
    return f"| {' | '.join(cells)} |\n"


def write(mutants: Sequence[Mutant], results: Mapping[str, Result]) -> None:
    """Put the table into the page, and what noticed beside the code of this package."""
    page = PAGE.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the table")
    PAGE.write_text(f"{before}{BEGIN}\n{table(mutants, results)}\n{END}{after}")
    _keep(NOTICED, mutants, results)


def _plain(test: str) -> str:
    """Without parameters that are an attack's text: some look like the secret that they forge."""
    return (
        test if re.fullmatch(r"[\w./:]+(?:\[[a-z .-]{0,30}\])?", test) else test.partition("[")[0]
    )


def _keep(file: Path, mutants: Sequence[Mutant], results: Mapping[str, Result]) -> None:
    """Unit tests alone: they depend on no clock and no other process, and take no time."""
    found = verdicts(mutants, results)
    tests = {
        mutant.name: _plain(results[mutant.name].test)
        for mutant in mutants
        if found[mutant.name] in {"attack", "test"}
        and results[mutant.name].test.startswith("tests/unit/")
    }
    file.write_text(json.dumps(tests, indent=0, ensure_ascii=False) + "\n")
