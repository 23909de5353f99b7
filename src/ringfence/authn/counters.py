"""The one atomic primitive under every limit: read counters, judge, write, in one step.

What is judged stays pure (``limits``); the store only promises that nobody comes between the read
and the write, on all the keys at once (Ledger 22: 200 at once against a limit of 10 give 10).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counter:
    """The state behind one limit and key.

    ``marks`` are microseconds since the epoch: a sliding log's entries, or GCRA's single
    theoretical arrival time. Before ``expires_at`` the counter is in debt and is never evicted.
    """

    marks: tuple[int, ...]
    expires_at: datetime


#: Takes the counters of the keys, in order (None where there is none), and returns what to write
#: in their place (None: leave it as it is) and the answer for the caller. Pure; may run twice.
Change: TypeAlias = Callable[[Sequence[Counter | None]], tuple[Sequence[Counter | None], T]]


class CounterStore(Protocol):
    """What limits need of a database; every adapter passes ``tests/contract``."""

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        """Apply ``change`` to the counters of ``keys`` atomically, locked in sorted order."""
        ...

    async def purge(self, now: datetime) -> int:
        """Remove counters that are out of debt; returns how many."""
        ...

    async def list(
        self, now: datetime, *, after: str = "", limit: int = 50
    ) -> Sequence[tuple[str, Counter]]:
        """Counters in debt with their keys, by ascending key, those greater than ``after``."""
        ...

    async def remove(self, keys: Sequence[str]) -> int:
        """Remove the counters of ``keys``, in debt or not; returns how many there were."""
        ...
