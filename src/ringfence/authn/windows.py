"""Many units in a window, as few numbers: for limits on an application's own routes.

``SlidingLog`` remembers every unit, which is exact to the microsecond and grows with the limit.
Here a window has twelve parts, and of each the number of its units is kept. A unit counts until the
whole part in which it was taken has left the window. So there are never more than ``limit`` units
in any window, and a place becomes free by a twelfth of the window later than it might.

Several units can be taken at once, and spent one by one within the part in which they were taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ringfence.authn.counters import Counter
from ringfence.authn.limits import CLOCKS_DIFFER_BY, moment, stamp

PARTS: Final = 12

_MICROSECOND: Final = timedelta(microseconds=1)


class Taken(NamedTuple):
    """What is written, and how many units it holds for whoever asked."""

    counter: Counter
    units: int
    left: int  # for others, in this window


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``limit`` units in any ``window``. A counter's marks are pairs: a part, its units."""

    limit: int
    window: timedelta

    @property
    def part(self) -> int:
        """How long a part is, in microseconds."""
        return self.window // _MICROSECOND // PARTS

    def as_of(self, counter: Counter, now: datetime) -> Counter:
        """The counter as it was last written, moved to ``now`` if that is in its future."""
        pairs = _pairs(counter)
        ahead = pairs[-1][0] - stamp(now) if pairs else 0
        if ahead <= CLOCKS_DIFFER_BY // _MICROSECOND + self.part:
            return counter
        return self._counter((start - ahead, units) for start, units in pairs)

    def take(self, counter: Counter | None, now: datetime, units: int = 1) -> Taken | timedelta:
        """Up to ``units`` units, or how long to wait for one. The counter is one ``as_of`` now."""
        at, part = stamp(now), self.part
        oldest = at - self.window // _MICROSECOND
        live = dict(pair for pair in _pairs(counter) if pair[0] + part > oldest)
        free = self.limit - sum(live.values())
        if free <= 0:
            return (min(live) + part - oldest) * _MICROSECOND
        taken = min(units, free)
        start = at - at % part
        live[start] = live.get(start, 0) + taken
        return Taken(self._counter(sorted(live.items())), taken, free - taken)

    def end_of_part(self, now: datetime) -> datetime:
        """When the part of ``now`` is over."""
        at = stamp(now)
        return moment(at - at % self.part + self.part)

    def _counter(self, pairs: Iterable[tuple[int, int]]) -> Counter:
        marks = tuple(number for pair in pairs for number in pair)
        return Counter(marks, moment(marks[-2] + self.part) + self.window)


def _pairs(counter: Counter | None) -> Sequence[tuple[int, int]]:
    marks = counter.marks if counter else ()
    return list(zip(marks[::2], marks[1::2], strict=True))
