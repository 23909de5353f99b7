"""Removing what is dead, in the background, a bounded piece at a time.

Dead is what no decision can turn on any more: expired tokens and links, sessions whose last token
has expired, counters out of debt, revocations older than any access token. A counter in debt is
never evicted, however many there are: forgetting it would be a way past the limit.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ringfence.authn.factors import ENROLMENT_LIFETIME
from ringfence.authn.links import LIFETIMES
from ringfence.core.errors import StoreError
from ringfence.storage import factor_statements, statements
from ringfence.storage.rows import microseconds
from ringfence.storage.statements import Change
from ringfence.storage.transaction import Database, change

EVERY: Final = timedelta(minutes=1)

#: Rows that one transaction removes at most, so that none waits long behind it.
PIECE: Final = 500

#: How long an entry of the revocation feed is kept; an access token lives 15 minutes.
REVOCATIONS_KEPT: Final = timedelta(hours=1)

#: How long an expired token still says "expired" or "reused" rather than "unknown".
GRACE: Final = timedelta(hours=1)


#: How long mail that has failed is kept, for an operator to see.
FAILED_MAIL_KEPT: Final = timedelta(days=30)

#: How far the clocks of two hosts may differ.
CLOCKS_DIFFER_BY: Final = timedelta(minutes=1)

#: Longer than any counter is in debt or keeps a network known.
COUNTERS_KEPT: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """What was last touched before these times is dead."""

    tokens: datetime  # refresh tokens by issue, sessions by last use
    revocations: datetime
    # What is marked with a later time than these was written by a clock that was ahead.
    written: datetime
    links: datetime  # when they expire
    counters: datetime  # as above
    challenges: datetime  # as above
    failed_mail: datetime  # when it was asked for

    @classmethod
    def at(cls, now: datetime, session_idle: timedelta) -> "Deadlines":
        """The deadlines at ``now``."""
        return cls(
            tokens=now - session_idle - GRACE,
            revocations=now - REVOCATIONS_KEPT,
            written=now + CLOCKS_DIFFER_BY,
            links=now + max(LIFETIMES.values()) + CLOCKS_DIFFER_BY,
            counters=now + COUNTERS_KEPT,
            challenges=now + ENROLMENT_LIFETIME + CLOCKS_DIFFER_BY,
            failed_mail=now - FAILED_MAIL_KEPT,
        )


async def purge(database: Database, now: datetime, session_idle: timedelta) -> int:
    """Remove everything that is dead at ``now``; returns how many rows.

    What a clock that was ahead has written counts as written now: else it would outlive everything
    by as long as the clock was ahead.
    """
    deadlines = Deadlines.at(now, session_idle)
    await _purge(database, statements.CLAMP_TOKENS, deadlines.written)
    await _purge(database, statements.CLAMP_SESSIONS, deadlines.written)
    await _purge(database, statements.CLAMP_ASSURANCES, deadlines.written)
    await _purge(database, statements.CLAMP_COUNTERS, deadlines.counters)
    return (
        await purge_counters(database, now)
        + await _purge(database, statements.PURGE_FUTURE_LINKS, deadlines.links)
        + await _purge(database, factor_statements.PURGE_FUTURE_CHALLENGES, deadlines.challenges)
        + await _purge(database, factor_statements.PURGE_CHALLENGES, now)
        + await _purge(database, statements.PURGE_TOKENS, deadlines.tokens)
        + await _purge(database, statements.PURGE_SESSIONS, deadlines.tokens)
        + await _purge(database, statements.PURGE_LINKS, now)
        + await _purge(database, statements.PURGE_ERRANDS, deadlines.failed_mail)
        + await _purge(database, statements.PURGE_REVOCATIONS, deadlines.revocations)
    )


async def purge_counters(database: Database, now: datetime) -> int:
    """Remove counters that are out of debt at ``now``; returns how many."""
    return await _purge(database, statements.PURGE_COUNTERS, now)


async def _purge(database: Database, statement: Change, before: datetime) -> int:
    """Remove what is older than ``before``, a piece in each transaction."""
    removed, gone = 0, PIECE
    while gone == PIECE:
        gone = await database.perform(change(statement, microseconds(before), PIECE))
        removed += gone
    return removed


class Maintenance:
    """Purges every minute, from ``start`` to ``stop``. A store that fails is asked again later."""

    def __init__(
        self,
        purge: Callable[[datetime], Awaitable[int]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._purge = purge
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; starting twice is one start."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def stop(self) -> None:
        """End, and wait for the end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await self._sleep(EVERY.total_seconds())
            with suppress(StoreError):
                await self._purge(datetime.now(UTC))
