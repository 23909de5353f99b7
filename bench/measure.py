"""What a measurement comes to: turns, spreads, lines of a report. Pure.

Contestants take turns, and every other round the order is turned around, so that whatever else the
machine does meets all of them alike. A ratio is formed within each round, never between medians of
different minutes.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

T = TypeVar("T")

Unit: TypeAlias = Literal["times", "µs", "/s"]
Bound: TypeAlias = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What the median is held to."""

    bound: Bound
    value: float

    def met(self, median: float) -> bool:
        """Whether ``median`` is good enough; the value itself is."""
        return median >= self.value if self.bound == "at least" else median <= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the report: what was measured, and its value in each round."""

    what: str
    rounds: tuple[float, ...]
    unit: Unit = "times"
    goal: Goal | None = None

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One question, and the lines that answer it."""

    name: str  # as ``--only`` takes it
    title: str
    lines: tuple[Line, ...]
    remarks: tuple[str, ...] = ()  # what a reader must know to judge the numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure. The defaults are for a person who waits some minutes."""

    rounds: int = 5
    seconds: float = 2.0  # under load, for each contestant in each round
    repeats: int = 20_000  # of one request in the process, in each round
    routes: tuple[int, ...] = (10, 100, 1_000)
    sessions: tuple[int, ...] = (1, 1_000, 100_000)


#: Enough to see that everything still works; the numbers mean nothing.
SMOKE: Final = Effort(rounds=1, seconds=0.1, repeats=50, routes=(10, 20), sessions=(1, 20))


def interleaved(rounds: int, contestants: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Measure each contestant once a round, in turns; every other round backwards."""
    found: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(contestants[name]())
    return found


def ratios(these: Sequence[float], to_those: Sequence[float]) -> tuple[float, ...]:
    """Round by round."""
    return tuple(one / other for one, other in zip(these, to_those, strict=True))


def differences(these: Sequence[float], from_those: Iterable[float]) -> tuple[float, ...]:
    """Round by round."""
    return tuple(one - other for one, other in zip(these, from_those, strict=True))
