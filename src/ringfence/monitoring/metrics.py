"""What is counted of one process, in the text that Prometheus reads.

The number of series is bounded by construction: labels are codes of the catalogue, patterns of the
route table, methods that HTTP knows, and statuses. Nothing that a client sent is a label.

Source: Prometheus, "Exposition formats", text format 0.0.4.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from ringfence.core.codes import CODES
from ringfence.core.event import Event
from ringfence.monitoring.rate import OTHERS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

MOST_SERIES: Final = 5000  # of requests; further ones are one series together

_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET")
)
_SERIES_OF_OTHERS: Final = (OTHERS, OTHERS, 0)

_Labels: TypeAlias = Mapping[str, object]
_Sample: TypeAlias = tuple[str, _Labels, float]  # suffix of the name, labels, value


class Histogram:
    """How often something took how long."""

    def __init__(self) -> None:
        self._counts: Final = [0] * (len(_BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one of ``seconds``."""
        self._counts[bisect_left(_BOUNDS, seconds)] += 1
        self._sum += seconds

    def samples(self, labels: _Labels) -> Iterator[_Sample]:
        """As Prometheus has them: each bucket counts what is in the smaller ones as well."""
        below = list(accumulate(self._counts))
        for bound, count in zip((*_BOUNDS, "+Inf"), below, strict=True):
            yield "_bucket", {**labels, "le": bound}, count
        yield "_sum", labels, self._sum
        yield "_count", labels, below[-1]


@dataclass(frozen=True, slots=True)
class _Family:
    """One metric: its name, its kind, what it is, and how its samples are read."""

    name: str
    kind: str
    about: str
    read: Callable[[], Iterable[_Sample]]


class Metrics:
    """Counts for one process."""

    def __init__(self) -> None:
        # Every code stands there from the start, so that the first of a kind is an increase.
        self._events: Final = dict.fromkeys(CODES, 0)
        self._requests: Final[dict[tuple[str, str, int], int]] = {}
        self._seconds: Final[dict[str, Histogram]] = {}
        self._families: Final[list[_Family]] = [
            _Family(
                "ringfence_events_total",
                "counter",
                "Security events by code; those above the rate and below the level too.",
                lambda: [("", {"code": code}, n) for code, n in self._events.items()],
            ),
            _Family(
                "ringfence_requests_total",
                "counter",
                "Requests by pattern of the route, method and status.",
                self._request_samples,
            ),
            _Family(
                "ringfence_request_seconds",
                "histogram",
                "How long requests took, by pattern of the route; WebSockets are left out.",
                self._seconds_samples,
            ),
        ]

    def event(self, event: Event) -> None:
        """Count an event; one at a time."""
        self._events[event.code.name] += 1

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that is over; ``route`` is empty where none was met."""
        key = (route, method if method in _METHODS else OTHERS, status)
        if key not in self._requests and len(self._requests) >= MOST_SERIES:
            key = _SERIES_OF_OTHERS
        self._requests[key] = self._requests.get(key, 0) + 1
        if method != "WEBSOCKET":
            if key[0] not in self._seconds:
                self._seconds[key[0]] = Histogram()
            self._seconds[key[0]].observe(seconds)

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Show what ``read`` says at the time of asking."""
        self._families.append(_Family(name, "gauge", about, lambda: [("", {}, read())]))

    def histogram(self, name: str, about: str) -> Histogram:
        """A histogram without labels, to observe."""
        made = Histogram()
        self._families.append(_Family(name, "histogram", about, lambda: made.samples({})))
        return made

    def exposition(self) -> str:
        """All of it, as text."""
        return "".join(line for family in self._families for line in _lines(family))

    def _request_samples(self) -> Iterator[_Sample]:
        for (route, method, status), count in self._requests.items():
            yield "", {"route": route, "method": method, "status": status}, count

    def _seconds_samples(self) -> Iterator[_Sample]:
        for route, histogram in self._seconds.items():
            yield from histogram.samples({"route": route})


def _lines(family: _Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.about}\n# TYPE {family.name} {family.kind}\n"
    for suffix, labels, value in family.read():
        inside = ",".join(f'{name}="{_escaped(str(each))}"' for name, each in labels.items())
        yield f"{family.name}{suffix}{{{inside}}} {value}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
