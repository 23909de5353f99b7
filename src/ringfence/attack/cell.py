"""What one field of the matrix says, and how good that is: for the terminal and for the page."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ringfence.attack.ablation import Matrix
from ringfence.attack.configuration import ABSENT, ALL, NONE
from ringfence.attack.outcome import Run
from ringfence.core.codes import Layer


class Tone(StrEnum):
    """How good a field is."""

    HELD = "held"  # stopped, by whom it was to be expected
    SECOND = "second"  # stopped by another layer than with nothing off
    OPEN = "open"  # through, where nothing is left that could stop it
    BREACH = "breach"  # through, where a line is claimed; or a run that proves nothing
    NAKED = "naked"  # through with every layer off, as it must
    ABSENT = "absent"  # not run here


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
        text, tone = ("broken", Tone.BREACH) if run.broken else ("not run", Tone.ABSENT)
        return Cell(text, tone, run.reason)
    if run.held:
        first = matrix.runs[attack].get(NONE.name)
        same = first is None or run.by == first.by
        mark = "≤ " if run.outcome == "bounded" else ""
        tone = Tone.HELD if same and configuration != ALL.name else Tone.SECOND
        return Cell(mark + (run.by or _NOBODY), tone, run.bound or run.code or "")
    if configuration == ALL.name:
        return Cell("through", Tone.NAKED)
    breach = configuration in matrix.breaches(attack)
    return Cell("THROUGH!", Tone.BREACH) if breach else Cell("through", Tone.OPEN)


def verdicts(matrix: Matrix) -> list[tuple[bool, str]]:
    """What the matrix shows, in sentences; False for what it fails to show."""
    summary, count = matrix.summary, len(matrix.runs)
    production = [runs.get("production") for runs in matrix.runs.values()]
    said = [(summary.stopped == count, f"{summary.stopped} of {count} stopped with nothing off")]
    if all(run is not None for run in production):
        held = sum(run.held for run in production if run is not None)
        said.append((held == count, f"{held} of {count} stopped in production mode"))
    naked = [runs.get(ALL.name) for runs in matrix.runs.values()]
    if all(run is not None for run in naked):
        through = sum(run.outcome == "succeeded" for run in naked if run is not None)
        said.append((not summary.naked_failed, f"{through} get through with every layer off"))
    passed = min((benign.passed for benign in matrix.benign.values()), default=0)
    text = f"{passed} honest checks pass in each of {len(matrix.benign)} configurations"
    said.append((not summary.benign_failed, text))
    if summary.idle_switches is not None:
        idle = ", ".join(matrix.idle)
        text = f"a switch changes nothing: {idle}" if idle else "every switch changes an outcome"
        said.append((not idle, text))
    return said


def failures(matrix: Matrix) -> list[str]:
    """Everything for which the run is no success, one by one."""
    found: list[str] = []
    for attack, runs in matrix.runs.items():
        found += [
            f"{attack} gets through with {name} off"
            if name != NONE.name
            else f"{attack} gets through"
            for name in matrix.breaches(attack)
        ]
        naked = runs.get(ALL.name)
        if naked is not None and matrix.unproven(attack):
            found += [f"{attack} with every layer off: {dud} does not work" for dud in naked.duds]
        found += [
            f"{attack} proves nothing with {name} off: {run.reason}"
            for name, run in runs.items()
            if run.broken
        ]
    for name, benign in matrix.benign.items():
        found += [f"honest use fails with {name} off: {failure}" for failure in benign.failures]
    return found


def _shares(run: Run) -> dict[Layer, str]:
    """Which layer stopped which payloads."""
    shares: dict[Layer, str] = {}
    for tried in run.payloads:
        if tried.stopped_by is not None:
            layer = tried.stopped_by.layer
            shares[layer] = (
                f"{shares[layer]} and {tried.name!r}" if layer in shares else repr(tried.name)
            )
    return shares


def asides(matrix: Matrix) -> list[str]:
    """What is no failure, and is to be known all the same."""
    said: list[str] = []
    shallow = matrix.summary.depth_below_2
    if shallow:
        said.append(f"one line here, and none behind it: {', '.join(shallow)}")
    for attack, runs in matrix.runs.items():
        run = runs.get(NONE.name)
        if run is not None and run.outcome == "bounded":
            said.append(f"{attack} is bounded: {run.bound}")
        if run is not None and len(shares := _shares(run)) > 1:
            each = ", ".join(f"{layer.value} stops {what}" for layer, what in shares.items())
            said.append(f"{attack} is stopped by several: {each}")
        said += [
            f"{attack} is stopped by {' and '.join(sorted(line))} together: it falls with either"
            for line in matrix.rows[attack].built
            if len(line) > 1
        ]
        if run is not None and run.outcome == "unavailable" and not run.broken:
            said.append(f"{attack} is not counted, {run.reason}")
    said += [f"{layer} is not among the layers: {reason}" for layer, reason in ABSENT.items()]
    return said
