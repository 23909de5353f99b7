"""What the matrix shows, in sentences: first the one that counts."""

from collections.abc import Collection, Sequence

from ringfence.attack.ablation import Matrix
from ringfence.attack.configuration import ABSENT, ALL, NONE, PRODUCTION
from ringfence.attack.outcome import Run
from ringfence.core.codes import Layer


def headline(matrix: Matrix) -> str:
    """The verdict: how many are stopped with nothing off, and by how many lines."""
    summary, ran = matrix.summary, _ran(matrix, NONE.name)
    whole = "" if len(ran) == len(matrix.runs) else " that were run"
    said = f"{summary.stopped} of {len(ran)} attacks{whole} are stopped with nothing off"
    depths = [matrix.depth(attack) for attack in matrix.runs]
    if two := sum(depth == 2 for depth in depths):  # noqa: PLR2004  # two lines and more
        one = sum(depth == 1 for depth in depths)
        said += f"; {two} meet{'s' if two == 1 else ''} two lines, {one} one"
    elif any(depth == 1 for depth in depths):
        said += "; each meets one line"
    missing = len(matrix.runs) - len(ran)
    return f"{said}. {missing} not run." if missing else f"{said}."


def verdicts(matrix: Matrix) -> list[tuple[bool, str]]:
    """What else the matrix shows, in sentences; False for what it fails to show."""
    summary, said = matrix.summary, list[tuple[bool, str]]()
    if production := _ran(matrix, PRODUCTION.name):
        held = sum(run.held for run in production)
        said.append((held == len(production), f"{held} of {len(production)} in production mode"))
    if naked := _ran(matrix, ALL.name):
        through = sum(run.outcome == "succeeded" for run in naked)
        text = f"{through} of {len(naked)} get through with every layer off, as they must"
        said.append((not summary.naked_failed, text))
    passed = min((benign.passed for benign in matrix.benign.values()), default=0)
    text = f"{passed} honest checks pass in each of {len(matrix.benign)} configurations"
    said.append((not summary.benign_failed, text))
    if summary.idle_switches is not None:
        idle = ", ".join(matrix.idle)
        text = f"a switch changes nothing: {idle}" if idle else "every switch changes an outcome"
        said.append((not idle, text))
    return said


def failures(matrix: Matrix) -> list[str]:
    """Everything for which the run is no success, one by one; what was not run excepted."""
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


def gaps(matrix: Matrix) -> list[str]:
    """What was asked for and not run, and what it takes."""
    reasons = dict.fromkeys(matrix.not_run.values())
    return [
        f"{', '.join(a for a, why in matrix.not_run.items() if why == reason)} not run: {reason}"
        for reason in reasons
    ]


def asides(matrix: Matrix) -> list[str]:
    """What is no failure, and is to be known all the same."""
    said: list[str] = []
    for attack, runs in matrix.runs.items():
        run = runs.get(NONE.name)
        if run is not None and run.outcome == "bounded":
            said.append(f"{attack} is bounded: {run.bound}")
        if run is not None and len(shares := _shares(run)) > 1:
            each = ", ".join(f"{layer.value} stops {what}" for layer, what in shares.items())
            said.append(f"{attack} is stopped by several: {each}")
        said += _together(attack, matrix.rows[attack].built)
    said += [f"{layer} is not among the layers: {reason}" for layer, reason in ABSENT.items()]
    return said


def _together(attack: str, built: Sequence[Collection[Layer]]) -> list[str]:
    """Which layers stop it together, if one of its lines takes several."""
    if all(len(line) == 1 for line in built):
        return []
    lines = [" and ".join(sorted(line)) for line in built]
    said = f"{attack} is stopped by {', or by '.join(lines)} together"
    return [f"{said}: it falls with either" if len(lines) == 1 else said]


def _ran(matrix: Matrix, configuration: str) -> list[Run]:
    """What was run in a configuration, whatever came of it."""
    found = (runs.get(configuration) for runs in matrix.runs.values())
    return [run for run in found if run is not None and run.outcome != "unavailable"]


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
