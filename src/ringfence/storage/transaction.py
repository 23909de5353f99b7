"""A write, as the steps of one transaction: stated once, taken by each adapter in its own way.

A write is a generator: it yields a step, is given what the database answered, and goes on. So the
order of locking, comparing and setting stands in one place, whether the adapter waits for a server
or runs inside a group of other requests' writes. It knows no connection and waits for nothing.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar

from ringfence.storage.rows import Row
from ringfence.storage.statements import Change, Query

T = TypeVar("T")

#: The time at which something is committed, however old the request is that asked for it.
Clock: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a transaction and its parameters."""

    statement: Query | Change
    parameters: tuple[object, ...]
    every: bool = False  # all rows of a query, not the first


#: What comes back is of the type that ``ask``, ``ask_all`` or ``change`` names.
Steps: TypeAlias = Generator[Step, Any, T]


def ask(query: Query, *parameters: object) -> Steps[Row | None]:
    """The first row that ``query`` answers, or None."""
    row: Row | None = yield Step(query, parameters)
    return row


def ask_all(query: Query, *parameters: object) -> Steps[list[Row]]:
    """All rows that ``query`` answers."""
    found: list[Row] = yield Step(query, parameters, every=True)
    return found


def change(statement: Change, *parameters: object) -> Steps[int]:
    """How many rows ``statement`` changed."""
    changed: int = yield Step(statement, parameters)
    return changed


class Database(Protocol):
    """What the stores need of an adapter. Each method raises StoreError if it fails."""

    async def one(self, query: Query, *parameters: object) -> Row | None:
        """The first row, or None."""
        ...

    async def all(self, query: Query, *parameters: object) -> list[Row]:
        """All rows."""
        ...

    async def perform(self, steps: Steps[T]) -> T:
        """Take the steps in one transaction: all of them are on the disk, or none.

        The transaction sees what was committed while it waited for a lock (Ledger 10, 11). What
        it appends to the feed gets its number when nothing else can be committed before it, and
        whoever follows the feed is woken.
        """
        ...
