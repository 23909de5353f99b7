"""Mail to come, in a database.

Whoever takes errands moves the time at which they are due by a lease, in the statement that finds
them; rows that another one is taking are skipped. A worker that is killed loses its lease, and the
mail is tried again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.outbox import LEASE, MOST, Backlog, Errand
from ringfence.storage import rows, statements
from ringfence.storage.rows import microseconds
from ringfence.storage.transaction import Database, Steps, ask, ask_all, change

#: Nothing is due later than this: neither a wait nor a lease is as long.
_FAR: Final = 4 * LEASE


class SqlOutbox:
    """``OutboxStore`` in a database."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def put(self, errand: Errand, most: int = MOST) -> bool:
        return await self._database.perform(_put(errand, most))

    async def take(self, now: datetime, limit: int) -> Sequence[Errand]:
        found = await self._database.perform(
            ask_all(
                statements.TAKE_ERRANDS,
                microseconds(now),
                microseconds(now + LEASE),
                microseconds(now + _FAR),
                limit,
            )
        )
        return sorted(map(rows.errand, found), key=lambda errand: errand.created_at)

    async def done(self, errand: Errand) -> None:
        await self._database.perform(change(statements.END_ERRAND, errand.id, errand.attempts))

    async def postpone(self, errand: Errand, due_at: datetime) -> None:
        due_us = microseconds(due_at)
        steps = change(statements.POSTPONE_ERRAND, errand.id, errand.attempts, due_us)
        await self._database.perform(steps)

    async def backlog(self) -> Backlog:
        row = await self._database.one(statements.BACKLOG)
        if row is None or row[1] is None:
            return Backlog()
        return Backlog(count=row[0], oldest=rows.moment(row[1]))

    async def list(self, *, after: str = "", limit: int = 50) -> Sequence[Errand]:
        page = await self._database.all(statements.ERRANDS_AFTER, after, limit)
        return [rows.errand(row) for row in page]

    async def retry(self, errand_id: str, now: datetime) -> bool:
        steps = change(statements.RETRY_ERRAND, errand_id, microseconds(now))
        return await self._database.perform(steps) > 0

    async def drop(self, errand_id: str) -> bool:
        return await self._database.perform(change(statements.DROP_ERRAND, errand_id)) > 0


def add(errand: Errand) -> Steps[None]:
    """Add an errand to the transaction of what caused it."""
    yield from change(
        statements.PUT_ERRAND,
        errand.id,
        errand.kind,
        errand.login,
        errand.site,
        errand.name,
        errand.request_id,
        microseconds(errand.created_at),
        microseconds(errand.due_at),
        errand.attempts,
    )


def _put(errand: Errand, most: int) -> Steps[bool]:
    row = yield from ask(statements.BACKLOG)
    if row is not None and row[0] >= most:
        return False
    yield from add(errand)
    return True
