"""Detectors: what single events do not show, and many of them together do.

A detector counts events of a kind by source. When a source has caused too many in a short time,
one event of the detector's own says so (``anomaly.…``), and then at most one in each window. Every
event is counted, those included that the log's level or rate leaves out.

The count is a leaky bucket: each event adds one, and the bucket loses ``most`` in each ``window``.
A source that stays below ``most`` in every window is never reported; one that causes twice as many
within a window always is. A bucket is one number, and the number of buckets is limited: the source
that was quiet longest is forgotten first. Many sources at once are seen by the detectors that take
everybody together.

Each process counts what it sees itself.

Sources: ASVS 5.0 16.3.3, 16.3.4; OWASP Logging Cheat Sheet ("Which events to log"); ATTACKS U02.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from ringfence.core.codes import CODES
from ringfence.core.event import Event
from ringfence.monitoring.rate import source

MOST_SOURCES: Final = 1024  # of one detector

_FEW_MINUTES: Final = timedelta(minutes=5)
_TEN_MINUTES: Final = timedelta(minutes=10)


def _network(event: Event) -> str:
    return source(event.client or "")


def _subject(event: Event) -> str:
    return event.subject or ""


def _everybody(_event: Event) -> str:
    return "everybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One kind of anomaly.

    Attributes:
        code: Of the event that reports it.
        watches: Codes of the events that are counted.
        by: The source that an event counts for; an empty one is not counted.
        most: How many events of one source are ordinary.
        window: In which time.
        calmed_by: By code, how many counted events an event makes up for.
    """

    code: str
    watches: frozenset[str]
    by: Callable[[Event], str]
    most: int
    window: timedelta
    calmed_by: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


def _unauthenticated() -> frozenset[str]:
    """Every 401 but those that a browser with an old tab causes by itself."""
    by_itself = {"token.expired", "refresh.expired", "refresh.missing"}
    return frozenset(code.name for code in CODES.values() if code.status == 401) - by_itself  # noqa: PLR2004  # HTTP


#: What is detected, unless the tests say otherwise.
DETECTORS: Final = (
    Detector(  # repeated 401s: guessing, forged tokens, a scanner
        code="anomaly.unauthenticated",
        watches=_unauthenticated(),
        by=_network,
        most=60,
        window=_FEW_MINUTES,
    ),
    Detector(  # guessing from many addresses: four wrong for each right one is no forgetfulness
        code="anomaly.guessing",
        watches=frozenset({"credentials.invalid", "signin.limited"}),
        by=_everybody,
        most=100,
        window=_TEN_MINUTES,
        calmed_by=MappingProxyType({"signin.done": 4}),
    ),
    Detector(  # suspicious queries, names and addresses: honest clients send none of these
        code="anomaly.injection",
        watches=frozenset(
            {
                "sql.injected",
                "command.refused",
                "process.denied",
                "database.denied",
                "file.outside",
                "outbound.refused",
                "redirect.refused",
            }
        ),
        by=_network,
        most=3,
        window=_TEN_MINUTES,
    ),
    Detector(  # a scanner looks for what might be there
        code="anomaly.probing",
        watches=frozenset(
            {
                "route.unknown",
                "route.leftover",
                "path.malformed",
                "method.unknown",
                "method.foreign",
                "host.unknown",
            }
        ),
        by=_network,
        most=60,
        window=_FEW_MINUTES,
    ),
    Detector(  # somebody who is signed in tries one id after another
        code="anomaly.enumeration",
        watches=frozenset(
            {"ownership.foreign", "resource.missing", "self.foreign", "role.missing"}
        ),
        by=_subject,
        most=30,
        window=_FEW_MINUTES,
    ),
    Detector(  # one stolen cookie is one event; many mean that they leak somewhere
        code="anomaly.theft",
        watches=frozenset({"refresh.reused"}),
        by=_everybody,
        most=5,
        window=_TEN_MINUTES,
    ),
    Detector(  # somebody may have found an input that the application cannot take
        code="anomaly.crashes",
        watches=frozenset({"server.error"}),
        by=_everybody,
        most=20,
        window=_FEW_MINUTES,
    ),
)


@dataclass(slots=True)
class _Bucket:
    """What one source has caused. Times are seconds on a clock that does not jump."""

    level: float = 0.0  # at ``at``
    at: float = 0.0
    quiet_until: float = 0.0  # reported already
    count: int = 0  # since the bucket was empty


class Detectors:
    """Watches the events of one process."""

    def __init__(self, detectors: Iterable[Detector] = DETECTORS) -> None:
        self._watching: Final[dict[str, list[tuple[Detector, int]]]] = {}  # by code, what it adds
        self._buckets: Final[dict[str, OrderedDict[str, _Bucket]]] = {}  # by detector and source
        for detector in detectors:
            self._buckets[detector.code] = OrderedDict()
            adds = dict.fromkeys(detector.watches, 1) | {
                code: -units for code, units in detector.calmed_by.items()
            }
            for code, units in adds.items():
                self._watching.setdefault(code, []).append((detector, units))

    def notice(self, event: Event, now: float) -> list[Event]:
        """Count ``event``, and report what is out of the ordinary by now.

        Args:
            event: Any event of this process.
            now: Seconds on a clock that does not jump.

        Returns:
            Events to write down; mostly none.
        """
        return [
            _report(detector, event, bucket.count)
            for detector, units in self._watching.get(event.code.name, ())
            if (bucket := self._add(detector, detector.by(event), units, now)) is not None
        ]

    def _add(self, detector: Detector, origin: str, units: int, now: float) -> _Bucket | None:
        """Count for one source. The bucket, if it is to be reported."""
        if not origin:
            return None
        buckets = self._buckets[detector.code]
        bucket = buckets.setdefault(origin, _Bucket())
        buckets.move_to_end(origin)
        if len(buckets) > MOST_SOURCES:
            buckets.popitem(last=False)
        window = detector.window.total_seconds()
        left = bucket.level - (now - bucket.at) * detector.most / window
        if left <= 0:
            left, bucket.count = 0.0, 0
        bucket.level, bucket.at = max(left + units, 0.0), now
        bucket.count += units > 0
        if bucket.level < detector.most or now < bucket.quiet_until:
            return None
        bucket.level = float(detector.most)  # what is more would only delay the end
        bucket.quiet_until = now + window
        return bucket


def _report(detector: Detector, event: Event, count: int) -> Event:
    """The event that tells of an anomaly, about the last event that belongs to it."""
    alone = detector.by is not _everybody
    return Event(
        at=event.at,
        code=CODES[detector.code],
        request_id=event.request_id,
        client=event.client if alone else None,
        subject=event.subject if alone else None,
        route=event.route,
        facts={
            "count": count,
            "minutes": int(detector.window.total_seconds() // 60),
            "last": event.code.name,
        },
    )
