"""Whether a store reads and writes: what a load balancer asks before it sends anybody here.

Reading alone proves little: on a full disk everything is read and nothing is kept. So a row is
written as well, through the same way as everything else. Anybody may ask, and a write costs an
fsync: it is tried once a second at most, and whoever asks meanwhile shares its answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from datetime import timedelta
from typing import Final

from ringfence.authn.counters import Counter, CounterStore
from ringfence.storage.transaction import Clock

#: The counter that is written. It is out of debt soon, and is purged like any other.
KEY: Final = "ready"
_KEPT: Final = timedelta(minutes=1)

_TRUSTED_SECONDS: Final = 1.0


class Readiness:
    """Asks one store."""

    def __init__(
        self,
        read: Callable[[], Awaitable[None]],
        counters: CounterStore,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read: Final = read
        self._counters: Final = counters
        self._clock: Final = clock
        self._monotonic: Final = monotonic
        self._wrote_at: float | None = None
        self._writing: asyncio.Task[None] | None = None

    async def ping(self) -> None:
        """Read, and write. Raises StoreError."""
        await self._read()
        if self._wrote_at is not None and self._monotonic() - self._wrote_at < _TRUSTED_SECONDS:
            return
        if self._writing is None or self._writing.done():
            loop = asyncio.get_running_loop()
            self._writing = loop.create_task(self._write(), context=Context())
        await asyncio.shield(self._writing)

    async def _write(self) -> None:
        asked_at, until = self._monotonic(), self._clock() + _KEPT

        def change(_found: Sequence[Counter | None]) -> tuple[Sequence[Counter | None], None]:
            return [Counter((), until)], None

        await self._counters.update([KEY], change)
        self._wrote_at = asked_at
