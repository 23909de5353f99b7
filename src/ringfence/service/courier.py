"""Sends what waits in the outbox, so that a mail outage loses no mail.

An answer that waited for a mail would tell by its time whether one was sent (Ledger 24). So a
request leaves an errand, which costs the same for every login, and is answered; whether there is an
account is found out afterwards, after a moment of random length, so that the time of the next
request does not show it either.

What fails is tried again, after waits that grow. Of several workers one takes an errand; if it is
killed meanwhile, another one takes it when the lease is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from datetime import datetime, timedelta
from secrets import SystemRandom, token_hex
from typing import Final

from ringfence.authn import outbox
from ringfence.authn.mail import UndeliverableError
from ringfence.authn.outbox import Errand, Kind, OutboxStore
from ringfence.core.codes import CODES, Layer
from ringfence.core.errors import Refused, StoreError
from ringfence.core.event import Event, EventSink
from ringfence.core.exchange import Exchange
from ringfence.core.seam import Seam

#: Does one errand: finds out what to mail, and mails it. Any exception means that it has not.
Do = Callable[[Errand, datetime], Awaitable[None]]

#: How long the oldest mail may wait before that is an event, and ``/readyz`` calls mail degraded.
TOO_LONG: Final = timedelta(minutes=5)

_RETRY_AFTER: Final = timedelta(seconds=10)
_LONGEST_PAUSE_SECONDS: Final = 0.5
_LOOK_EVERY_SECONDS: Final = 2.0  # for what is due again, and what others have left
_AT_ONCE: Final = 4
_random: Final = SystemRandom()


def random_pause() -> float:
    """Seconds to wait before errands are done."""
    return _random.uniform(0, _LONGEST_PAUSE_SECONDS)


class Courier:
    """Does the errands of one outbox. Belongs to one event loop.

    Args:
        store: The outbox.
        do: Does one errand.
        clock: Of the times in the outbox.
        pause: Seconds to wait before errands are done.
    """

    def __init__(
        self,
        store: OutboxStore,
        do: Do,
        clock: Callable[[], datetime],
        *,
        pause: Callable[[], float] = random_pause,
    ) -> None:
        self._store: Final = store
        self._do: Final = do
        self._clock: Final = clock
        self._pause: Final = pause
        self._poked: Final = asyncio.Event()
        self._working: Final = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._sink: EventSink | None = None
        self._told_at: datetime | None = None  # the last event about mail that waits too long
        self.late = False  # whether mail waits too long, as of the last look

    def errand(
        self, kind: Kind, login: str, site: str, exchange: Exchange, name: str = ""
    ) -> Errand:
        """An errand of this request, due at once."""
        now = self._clock()
        return Errand(
            id=token_hex(12),
            kind=kind,
            login=login,
            site=site,
            name=name,
            request_id=exchange.request_id,
            created_at=now,
            due_at=now,
        )

    async def post(self, errand: Errand) -> None:
        """Keep an errand, to be done after the answer.

        Raises:
            Refused: ``mail.busy``: too many are waiting. StoreError.
        """
        if not await self._store.put(errand, outbox.most(errand.kind)):
            raise Refused("mail.busy", retry_after=_RETRY_AFTER)
        self.poke()

    async def do(self, errand: Errand) -> None:
        """Do an errand now, and keep nothing. Raises whatever fails."""
        await self._do(errand, self._clock())

    def poke(self) -> None:
        """There is something in the outbox."""
        self._poked.set()

    def start(self, sink: EventSink) -> None:
        """Begin to look into the outbox; what goes wrong is told to ``sink``."""
        self._sink = sink
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def idle(self) -> None:
        """Do all that is due."""
        while await self.round():
            pass

    async def close(self, patience: timedelta = timedelta(seconds=5)) -> None:
        """Do what can be done in time. The rest waits in the outbox for the next start."""
        task, self._task = self._task, None
        if task is None:
            return
        with suppress(TimeoutError, StoreError):
            async with asyncio.timeout(patience.total_seconds()):
                await self.idle()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def round(self) -> int:
        """Do some of what is due; returns how many were taken. Raises StoreError."""
        async with self._working:
            taken = await self._store.take(self._clock(), _AT_ONCE)
            await asyncio.gather(*map(self._try, taken))
            return len(taken)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._poked.wait()
            self._poked.clear()
            await asyncio.sleep(self._pause())
            with suppress(StoreError):  # the next look tries again
                await self.idle()
                await self._look_back()

    async def _try(self, errand: Errand) -> None:
        """Do one errand. What fails is tried again, until it is too old or refused for good."""
        now = self._clock()
        try:
            await self._do(errand, now)
        except UndeliverableError as error:
            self._tell("mail.failed", errand, str(error))
            await self._store.postpone(errand, outbox.NEVER)
        except Exception as error:  # noqa: BLE001  # whatever it was, it becomes an event
            too_old = now - errand.created_at >= outbox.KEPT
            self._tell("mail.failed" if too_old else "mail.delayed", errand, type(error).__name__)
            again = outbox.NEVER if too_old else now + outbox.wait(errand.attempts)
            await self._store.postpone(errand, again)
        else:
            await self._store.done(errand)

    async def _look_back(self) -> None:
        """Notice that mail waits too long; once in ``TOO_LONG`` it is an event."""
        now = self._clock()
        backlog = await self._store.backlog()
        self.late = backlog.oldest is not None and now - backlog.oldest >= TOO_LONG
        if not self.late or backlog.oldest is None:
            self._told_at = None
        elif self._told_at is None or now - self._told_at >= TOO_LONG:
            self._told_at = now
            minutes = int((now - backlog.oldest) / timedelta(minutes=1))
            self._emit(now, "mail.waiting", "", {"count": backlog.count, "minutes": minutes})

    def _tell(self, code: str, errand: Errand, reason: str) -> None:
        facts: dict[str, str | int] = {
            "kind": errand.kind,
            "reason": reason,
            "attempts": errand.attempts,
            "errand": errand.id,
        }
        self._emit(self._clock(), code, errand.request_id, facts)

    def _emit(self, now: datetime, code: str, request_id: str, facts: dict[str, str | int]) -> None:
        if self._sink is not None:
            event = Event(at=now, code=CODES[code], request_id=request_id or None, facts=facts)
            self._sink.emit(event)


async def _after_the_answer(courier: Courier, errand: Errand) -> None:
    await courier.post(errand)


#: When an errand is done whose time would tell something. Raises as ``Courier.post``.
ERRANDS: Final = Seam[Callable[[Courier, Errand], Awaitable[None]]](Layer.AUTHN, _after_the_answer)
