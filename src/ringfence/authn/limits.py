"""Limits on guessing, as pure judgements over counters.

Two kinds: an exact **sliding log** (never more than so many in any window), where a promise is
made about a number, and **GCRA** (a burst and a steady rate), which costs one number of memory.
``take`` charges several limits in one atomic step, all or none, before anything costly happens;
what was taken for nothing is given back unit by unit, so that a success never clears the failures
before it (Ledger 21).

A refused attempt is not recorded: repeated attempts during a lock do not make it longer.

A clock that was ahead and is set back locks nobody out: each counter knows when it was last
written, and goes on from there as if no time had passed (``as_of``).

Sources: OWASP ASVS 5.0 requirements 6.3.1 and 6.6.3; ITU-T I.371 (GCRA); Ledger 18, 20-22.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ringfence.authn.counters import Counter, CounterStore
from ringfence.core.errors import Refused

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

#: How far the clocks of two hosts may differ, and requests overtake each other.
CLOCKS_DIFFER_BY: Final = timedelta(seconds=5)

#: Under this address everybody is counted whose address is not known (Ledger 20).
UNKNOWN_ADDRESS: Final = "unknown"


class Limit(Protocol):
    """One kind of limit. Pure: the counter before, the counter after."""

    def as_of(self, counter: Counter, now: datetime) -> Counter:
        """The counter as it was last written, moved to ``now`` if that is in its future."""
        ...

    def take(self, counter: Counter | None, now: datetime) -> Counter | timedelta:
        """The counter with one unit more, or how long to wait for that.

        The counter is one ``as_of`` ``now``.
        """
        ...

    def give_back(self, counter: Counter, taken_at: datetime) -> Counter:
        """The counter without the unit that was taken at ``taken_at``."""
        ...


@dataclass(frozen=True, slots=True)
class SlidingLog:
    """At most ``limit`` units in any ``window``, exactly: every unit is remembered.

    The window is half-open: a unit frees its place when it is exactly ``window`` old.
    """

    limit: int
    window: timedelta

    def as_of(self, counter: Counter, now: datetime) -> Counter:
        """See ``Limit``. The newest unit tells when the counter was written."""
        ahead = _ahead(counter.marks[-1], now) if counter.marks else 0
        if not ahead:
            return counter
        marks = tuple(mark - ahead for mark in counter.marks)
        return Counter(marks, moment(marks[-1]) + self.window)

    def take(self, counter: Counter | None, now: datetime) -> Counter | timedelta:
        """See ``Limit``."""
        oldest = stamp(now - self.window)
        marks = [mark for mark in (counter.marks if counter else ()) if mark > oldest]
        if len(marks) >= self.limit:
            return (marks[-self.limit] - oldest) * _MICROSECOND
        marks = sorted([*marks, stamp(now)])
        return Counter(tuple(marks), moment(marks[-1]) + self.window)

    def give_back(self, counter: Counter, taken_at: datetime) -> Counter:
        """See ``Limit``. A unit that has fallen out of the window is gone already."""
        marks = list(counter.marks)
        if (mark := stamp(taken_at)) in marks:
            marks.remove(mark)
        return Counter(tuple(marks), moment(marks[-1]) + self.window if marks else taken_at)


@dataclass(frozen=True, slots=True)
class Gcra:
    """``burst`` units at once, and one more each ``every``; remembers two numbers.

    In any period P it lets through at most ``burst + P / every`` units. The marks are the
    theoretical arrival time of the next unit, and when that was written.
    """

    burst: int
    every: timedelta

    def as_of(self, counter: Counter, now: datetime) -> Counter:
        """See ``Limit``. Without the second mark, more debt than there can be is none."""
        if not counter.marks:
            return counter
        arrival, at = counter.marks[0], stamp(now)
        if len(counter.marks) > 1:
            ahead = _ahead(counter.marks[1], now)
        else:
            latest = now + self.burst * self.every + CLOCKS_DIFFER_BY
            ahead = arrival - at if arrival > stamp(latest) else 0
        if not ahead:
            return counter
        return Counter((arrival - ahead, at), max(moment(arrival - ahead), now))

    def take(self, counter: Counter | None, now: datetime) -> Counter | timedelta:
        """See ``Limit``."""
        arrival = max(counter.marks[0] if counter and counter.marks else 0, stamp(now))
        arrival += self.every // _MICROSECOND
        wait = moment(arrival) - now - self.burst * self.every
        return wait if wait > timedelta() else Counter((arrival, stamp(now)), moment(arrival))

    def give_back(self, counter: Counter, taken_at: datetime) -> Counter:
        """See ``Limit``. Units are alike; none leaves less debt than there was at ``taken_at``."""
        debt = counter.marks[0] - self.every // _MICROSECOND if counter.marks else 0
        arrival = max(debt, stamp(taken_at))
        return Counter((arrival, *counter.marks[1:]), moment(arrival))


@dataclass(frozen=True, slots=True)
class Charge:
    """One unit of ``limit``, charged to ``key``."""

    key: str
    limit: Limit


async def take(store: CounterStore, charges: Sequence[Charge], now: datetime) -> timedelta | None:
    """Take one unit of each charge, all or none.

    Returns:
        None when they were taken, else how long to wait until they could be.
    """

    def change(
        counters: Sequence[Counter | None],
    ) -> tuple[Sequence[Counter | None], timedelta | None]:
        return judge([charge.limit for charge in charges], counters, now)

    return await store.update([charge.key for charge in charges], change)


async def charge(store: CounterStore, code: str, charges: Sequence[Charge], now: datetime) -> None:
    """Take one unit of each charge.

    Raises:
        Refused: ``code``, with the time to wait.
    """
    wait = await take(store, charges, now)
    if wait is not None:
        raise Refused(code, retry_after=wait)


async def give_back(store: CounterStore, charges: Sequence[Charge], taken_at: datetime) -> None:
    """Give back the units that ``take`` took at ``taken_at``, and no other."""

    def change(counters: Sequence[Counter | None]) -> tuple[Sequence[Counter | None], None]:
        pairs = zip(charges, counters, strict=True)
        return [c and charge.limit.give_back(c, taken_at) for charge, c in pairs], None

    await store.update([charge.key for charge in charges], change)


def judge(
    limits: Sequence[Limit], counters: Sequence[Counter | None], now: datetime
) -> tuple[Sequence[Counter | None], timedelta | None]:
    """What to write after one unit of every limit, and how long to wait if one has none left.

    Where the clock was set back, that is written even if one has none left: else the counter would
    stand still until the clock has caught up.
    """
    pairs = list(zip(limits, counters, strict=True))
    present = [counter and limit.as_of(counter, now) for limit, counter in pairs]
    results = [limit.take(counter, now) for limit, counter in zip(limits, present, strict=True)]
    waits = [result for result in results if isinstance(result, timedelta)]
    if waits:
        moved = [
            after if after is not before else None
            for before, after in zip(counters, present, strict=True)
        ]
        return moved, max(waits)
    return [result for result in results if isinstance(result, Counter)], None


def _ahead(written: int, now: datetime) -> int:
    """By how many microseconds the clock was ahead when ``written`` was; 0 if it was not."""
    ahead = written - stamp(now)
    return ahead if ahead > CLOCKS_DIFFER_BY // _MICROSECOND else 0


def address_key(client: str) -> str:
    """Under which name an address is counted (Ledger 18, 20).

    One subscriber's addresses are one key: IPv6 by its /64, IPv4-mapped IPv6 as the IPv4 address
    that it is, every spelling alike. What is no address is counted together.
    """
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return UNKNOWN_ADDRESS
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(address) >> 64 << 64)) + "/64"


def stamp(at: datetime) -> int:
    """Microseconds since the epoch, in integers: a float would round at the edge of a window."""
    return (at - _EPOCH) // _MICROSECOND


def moment(mark: int) -> datetime:
    """The time that ``stamp`` came from."""
    return _EPOCH + mark * _MICROSECOND
