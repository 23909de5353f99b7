"""The report: one table for people, one object for programs."""

from collections.abc import Sequence
from typing import Any, Final

from bench.measure import Line, Section

_WIDTH: Final = 54
_SIGNS: Final = {"at least": "≥", "at most": "≤"}


def table(sections: Sequence[Section]) -> str:
    """All sections under one heading; the goals are held against the medians."""
    lines = [f"{'':<{_WIDTH}}{'min':>9}{'median':>9}{'max':>9}       goal"]
    for section in sections:
        lines += ["", f"{section.name}: {section.title}"]
        lines += [_line(line) for line in section.lines]
        lines += [f"  · {remark}" for remark in section.remarks]
    return "\n".join(lines) + "\n"


def summary(sections: Sequence[Section]) -> dict[str, Any]:
    """The same, with the value of every round."""
    return {
        section.name: {
            "title": section.title,
            "lines": [_object(line) for line in section.lines],
            "remarks": list(section.remarks),
        }
        for section in sections
    }


def _line(line: Line) -> str:
    least, most = min(line.rounds), max(line.rounds)
    numbers = "".join(f"{_number(value):>9}" for value in (least, line.median, most))
    unit = {"times": "×", "µs": "µs", "/s": "/s"}[line.unit]
    shown = f"  {line.what:<{_WIDTH - 2}}{numbers} {unit:<2}"
    if line.goal is None:
        return shown.rstrip()
    mark = "✓" if line.goal.met(line.median) else "✗"
    return f"{shown}  {mark} {_SIGNS[line.goal.bound]} {line.goal.value:g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004  # three digits


def _object(line: Line) -> dict[str, Any]:
    goal = line.goal
    return {
        "what": line.what,
        "unit": line.unit,
        "min": min(line.rounds),
        "median": line.median,
        "max": max(line.rounds),
        "rounds": list(line.rounds),
        "goal": None if goal is None else {"bound": goal.bound, "value": goal.value},
        "met": None if goal is None else goal.met(line.median),
    }
