"""The revocation feed in PostgreSQL: news are heard at once, and never older than a second.

On this host every worker knows on its next request (``news``); to others NOTIFY usually brings them
within milliseconds. What is promised there rests on the clock alone: once the last read is half a
second old, ``changed`` says so whatever was or was not heard, and a read that fails refuses the
request (DESIGN section 6).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Final

from ringfence.authn.revocation import Revocation
from ringfence.storage import rows
from ringfence.storage.postgres.database import CHANNEL, FAILURES, Database, connect
from ringfence.storage.statements import REVOCATIONS_AFTER

#: Half of what is promised: the other half is for the read itself.
_MAX_AGE_SECONDS: Final = 0.5

_LISTEN_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """A read that is under way, and what those who join it may rely on."""

    after: int
    news: int
    asked_at: float
    answer: asyncio.Task[list[Revocation]]


class PostgresRevocations:
    """``RevocationSource`` in PostgreSQL."""

    def __init__(
        self, database: Database, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._database: Final = database
        self._monotonic: Final = monotonic
        self._known = -1  # the news that the last read covered
        self._asked_at = 0.0  # when the last read that was answered was asked
        self._reading: _Reading | None = None
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._listening = loop.create_task(self._listen(), context=Context())

    async def close(self) -> None:
        """Stop listening, and wait for a read that is under way."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
        if self._reading is not None:
            with suppress(Exception):
                await self._reading.answer

    def changed(self) -> bool:
        return (
            self._known != self._database.news.count
            or self._monotonic() - self._asked_at >= _MAX_AGE_SECONDS
        )

    async def read(self, after: int) -> Sequence[Revocation]:
        """Read the feed; requests that ask at the same time share one query."""
        reading = self._reading
        now = self._monotonic()
        if (
            reading is None
            or reading.news != self._database.news.count
            or reading.after > after
            or now - reading.asked_at >= _MAX_AGE_SECONDS
        ):
            query = asyncio.get_running_loop().create_task(self._query(after), context=Context())
            reading = _Reading(after, self._database.news.count, now, query)
            query.add_done_callback(lambda _: self._forget(reading))
            self._reading = reading
        found = await asyncio.shield(reading.answer)
        covered = (reading.news, reading.asked_at)
        self._known, self._asked_at = max((self._known, self._asked_at), covered)
        return found

    async def _query(self, after: int) -> list[Revocation]:
        found = await self._database.all(REVOCATIONS_AFTER, after)
        return [rows.revocation(row) for row in found]

    def _forget(self, reading: _Reading) -> None:
        if self._reading is reading:
            self._reading = None
        if not reading.answer.cancelled():
            reading.answer.exception()  # seen, even where every request that asked has left

    async def _listen(self) -> None:
        while True:
            with suppress(*FAILURES):
                await self._listen_once()
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)

    async def _listen_once(self) -> None:
        """Listen until the connection is lost."""
        lost = asyncio.Event()

        def lose(_connection: object) -> None:
            lost.set()

        connection = await connect(self._database.url)
        try:
            connection.add_termination_listener(lose)
            await connection.add_listener(CHANNEL, self._hear)
            self._database.news.hear()  # whatever was said while nobody listened
            await lost.wait()
        finally:
            with suppress(*FAILURES):  # else it would take the place of a cancellation
                await connection.close(timeout=1)

    def _hear(self, *_notification: object) -> None:
        self._database.news.hear()
