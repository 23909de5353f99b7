"""What one field of the matrix says, and how good that is: for the terminal and for the page."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ringfence.attack.ablation import Matrix
from ringfence.attack.configuration import ALL, NONE
from ringfence.attack.outcome import Run


class Tone(StrEnum):
    """How good a field is."""

    HELD = "held"  # stopped, by whom it was to be expected
    SECOND = "second"  # stopped by another layer than with nothing off
    OPEN = "open"  # through, where nothing is left that could stop it
    BREACH = "breach"  # through, where a line is claimed
    NAKED = "naked"  # through with every layer off, as it must
    DUD = "dud"  # not through with every layer off, where nothing stands in its way
    BROKEN = "broken"  # it was run, and proves nothing
    ABSENT = "absent"  # not run


@dataclass(frozen=True, slots=True)
class Cell:
    """One field."""

    text: str
    tone: Tone
    note: str = ""  # for whoever wants to know more


_NOBODY: Final = "stopped"  # and nobody said so


def cell(matrix: Matrix, attack: str, configuration: str) -> Cell:
    """What came of ``attack`` in ``configuration``."""
    run = matrix.runs[attack].get(configuration)
    if run is None:
        return Cell("", Tone.ABSENT)
    if run.outcome == "unavailable":
        text, tone = ("broken", Tone.BROKEN) if run.broken else ("not run", Tone.ABSENT)
        return Cell(text, tone, run.reason)
    if configuration == ALL.name:
        return _naked(run)
    if run.held:
        first = matrix.runs[attack].get(NONE.name)
        same = first is None or run.by == first.by
        tone = Tone.HELD if same else Tone.SECOND
        return Cell(_who(run), tone, run.bound or run.code or "")
    breach = configuration in matrix.breaches(attack)
    return Cell("THROUGH!", Tone.BREACH) if breach else Cell("through", Tone.OPEN)


def seamless(matrix: Matrix, attack: str) -> Cell:
    """How many payloads are stopped where a handler calls none of Ringfence's functions."""
    run = matrix.plain.get(attack)
    if run is None:
        return Cell("", Tone.ABSENT)
    if run.outcome == "unavailable":
        text, tone = ("broken", Tone.BROKEN) if run.broken else ("not run", Tone.ABSENT)
        return Cell(text, tone, run.reason)
    stopped, ways = len(run.duds), len(run.payloads)
    note = "of the ways are stopped, though the handler calls no function of Ringfence's"
    tone = Tone.HELD if stopped == ways else Tone.OPEN
    return Cell(f"{stopped}/{ways}", tone, f"{stopped} {note}")


def payloads(matrix: Matrix, attack: str) -> int:
    """How many ways were tried."""
    return max((len(run.payloads) for run in matrix.runs[attack].values()), default=0)


def _who(run: Run) -> str:
    mark = "≤ " if run.outcome == "bounded" else ""
    return mark + (run.by or _NOBODY)


def _naked(run: Run) -> Cell:
    if run.held:
        return Cell(_who(run), Tone.DUD, "it fails where nothing stands in its way")
    if run.duds:
        return Cell("through", Tone.DUD, f"but not: {', '.join(run.duds)}")
    return Cell("through", Tone.NAKED)
