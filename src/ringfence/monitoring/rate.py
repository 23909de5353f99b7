"""Above a rate, events are counted instead of written, so that a flood cannot fill the disk.

In each second, 100 events of one code and source are written. Further ones are counted, and the
count is written when the second is over. No event is lost: those written and those counted are all
that happened. A /64 of IPv6 is one source (Ledger 18). The number of sources is limited; all beyond
it are one source together.

Source: DESIGN section 4, step 8.
"""

import functools
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

MOST_A_SECOND: Final = 100
MOST_SOURCES: Final = 1024

#: Stands for all sources beyond ``MOST_SOURCES``.
OTHERS: Final = "others"

_Key: TypeAlias = tuple[str, str]  # code and source


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was counted of one code and source in one second."""

    code: str
    source: str
    count: int


class Rate:
    """Counts the events of the current second. ``now`` is seconds on a clock that does not jump."""

    def __init__(self) -> None:
        self._second = 0
        self._seen: dict[_Key, int] = {}
        self._above = False

    def admit(self, code: str, client: str, now: float) -> bool:
        """Whether to write this event; if not, it is counted. ``turn`` comes first."""
        self._second = int(now)
        key = (code, source(client))
        if key not in self._seen and len(self._seen) >= MOST_SOURCES:
            key = (code, OTHERS)
        seen = self._seen.get(key, 0)
        self._seen[key] = seen + 1
        if seen < MOST_A_SECOND:
            return True
        self._above = True
        return False

    def turn(self, now: float) -> Sequence[Summary]:
        """What was counted in a second that is over by ``now``."""
        return () if int(now) == self._second else self.flush()

    def flush(self) -> Sequence[Summary]:
        """What was counted so far; counting starts again at zero."""
        seen, self._seen = self._seen, {}
        if not self._above:
            return ()
        self._above = False
        return [
            Summary(code=code, source=origin, count=count - MOST_A_SECOND)
            for (code, origin), count in seen.items()
            if count > MOST_A_SECOND
        ]


def source(client: str) -> str:
    """Whom a client's events are counted for: its address, or the /64 around it."""
    return _network(client) if ":" in client else client


@functools.lru_cache(MOST_SOURCES)
def _network(client: str) -> str:
    try:
        return str(ipaddress.IPv6Network((client, 64), strict=False))
    except ValueError:
        return client
