"""Who may hash a password now, so that a flood of Argon2id takes nothing else down.

At most ``workers`` hash at once, each with the memory of its parameters: by default three times
64 MiB, and no more. If all are taken, a request waits in a queue with few places and a short time
limit. If the queue is full, or the time is over, it is refused with ``hashing.busy`` and
``Retry-After``.
Sign-ins of strangers never take the last ``reserved`` workers: those are for whoever has proven
something already, by a session or a mailed link. Limits on guessing come before this, never behind
it.

Here is the judgement alone; the threads are in ``service.hashing``.

Sources: DESIGN section 6; ASVS 5.0 2.4.1, 15.2.2; MUSTS P18.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, Protocol, TypeVar

from ringfence.core.errors import ConfigurationError

T = TypeVar("T")


class Hashing(Protocol):
    """Does slow work somewhere else, within bounds."""

    async def run(self, job: Callable[[], T], *, reserved: bool) -> T:
        """The result of ``job``.

        ``reserved``: whoever asks has proven something already.

        Raises:
            Refused: ``hashing.busy``, with ``retry_after``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HashingLimits:
    """How much may be hashed at once, and how long one waits for it."""

    workers: int = 3  # at once, in all
    reserved: int = 1  # of these, never taken by a stranger's sign-in
    places: int = 16  # in each of the two queues
    patience: timedelta = timedelta(seconds=2)  # in the queue; also what Retry-After says

    def __post_init__(self) -> None:
        if not 0 < self.reserved < self.workers or self.places < 0:
            raise ConfigurationError("hashing: reserve at least one worker, and not all of them")


class Admission(Generic[T]):
    """Who may start, who waits, who is turned away; ``T`` stands for who waits."""

    def __init__(self, limits: HashingLimits) -> None:
        self._limits = limits
        self._running = 0
        self._strangers = 0  # of those running
        self._queues: Final[tuple[deque[T], deque[T]]] = (deque(), deque())

    @property
    def load(self) -> tuple[int, int]:
        """How many have started, and how many wait."""
        return self._running, sum(map(len, self._queues))

    def start(self, *, reserved: bool) -> bool:
        """Take a worker, if one is free for this kind."""
        free = self._running < self._limits.workers
        if not reserved:
            free = free and self._strangers < self._limits.workers - self._limits.reserved
        if free:
            self._running += 1
            self._strangers += not reserved
        return free

    def wait(self, ticket: T, *, reserved: bool) -> bool:
        """Take a place in the queue of this kind, if there is one."""
        queue = self._queues[reserved]
        if len(queue) >= self._limits.places:
            return False
        queue.append(ticket)
        return True

    def leave(self, ticket: T, *, reserved: bool) -> None:
        """Give up a place in the queue, if ``ticket`` still has one."""
        with suppress(ValueError):
            self._queues[reserved].remove(ticket)

    def finish(self, *, reserved: bool) -> tuple[T, bool] | None:
        """Give a worker back; returns who has it from now on and its kind, the reserved first."""
        self._running -= 1
        self._strangers -= not reserved
        for kind in (True, False):
            if self._queues[kind] and self.start(reserved=kind):
                return self._queues[kind].popleft(), kind
        return None
