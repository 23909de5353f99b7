"""Work that a request leaves until after its answer: to find out who gets a mail, and to send it.

An answer that waited for a mail would tell by its time whether one was sent (Ledger 24). So the
answer goes first, and the work follows after a moment of random length, so that the time of the
next request does not show it either. The queue has a limit. A failure becomes an event, so that no
mail is lost without notice. A process that is killed loses the waiting mails: users who miss one
ask again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Final, TypeAlias

from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.core.seam import Seam

Errand: TypeAlias = Callable[[], Awaitable[None]]

_RETRY_AFTER: Final = timedelta(seconds=10)
_LONGEST_PAUSE_SECONDS: Final = 0.5
_random: Final = SystemRandom()


def random_pause() -> float:
    """Seconds to wait before an errand."""
    return _random.uniform(0, _LONGEST_PAUSE_SECONDS)


class Courier:
    """Runs errands in the background. Belongs to one event loop."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        pause: Callable[[], float] = random_pause,
        waiting: int = 1000,
        at_once: int = 4,
    ) -> None:
        self._clock: Final = clock
        self._pause: Final = pause
        self._waiting: Final = waiting
        self._at_once: Final = asyncio.Semaphore(at_once)
        self._errands: Final[set[asyncio.Task[None]]] = set()

    def post(self, exchange: Exchange, errand: Errand) -> None:
        """Take an errand on.

        Raises:
            Refused: ``mail.busy``: too many are waiting.
        """
        if len(self._errands) >= self._waiting:
            raise Refused("mail.busy", retry_after=_RETRY_AFTER)
        task = asyncio.create_task(self._run(exchange, errand))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def offer(self, exchange: Exchange, errand: Errand) -> None:
        """``post`` for work that must not undo a success: if there is no room, it is an event."""
        try:
            self.post(exchange, errand)
        except Refused as refused:
            self._lost(exchange, refused.code.name)

    async def idle(self) -> None:
        """Wait until nothing is left to do."""
        while self._errands:
            await asyncio.wait(self._errands)

    async def close(self, patience: timedelta = timedelta(seconds=5)) -> None:
        """Finish what can be finished in time; the rest becomes events."""
        if self._errands:
            await asyncio.wait(self._errands, timeout=patience.total_seconds())
        for task in self._errands:
            task.cancel()
        await self.idle()

    async def _run(self, exchange: Exchange, errand: Errand) -> None:
        try:
            await asyncio.sleep(self._pause())
            async with self._at_once:
                await errand()
        except asyncio.CancelledError:
            self._lost(exchange, "shutdown")
            raise
        except Exception as error:  # noqa: BLE001  # whatever it was, it becomes an event
            self._lost(exchange, type(error).__name__)

    def _lost(self, exchange: Exchange, reason: str) -> None:
        event = exchange.event("mail.failed", {"reason": reason})
        exchange.sink.emit(replace(event, at=self._clock()))  # the request is long over


async def _after_the_answer(courier: Courier, exchange: Exchange, errand: Errand) -> None:
    courier.post(exchange, errand)


#: When an errand is done whose time would tell something. Raises as ``Courier.post``.
ERRANDS: Final = Seam[Callable[[Courier, Exchange, Errand], Awaitable[None]]](
    Layer.AUTHN, _after_the_answer
)
