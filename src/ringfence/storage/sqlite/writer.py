"""The group-commit writer: many requests' writes share one transaction and one fsync.

Each request's write runs in a savepoint of its own, so that one that fails takes nothing with it;
and each is answered only after the COMMIT that made it durable. Statements run in the loop, where
they take microseconds; COMMIT, which waits for the disk, and the wait for another process's turn
run in a thread. Whatever arrives meanwhile is the next transaction.

The write lock is taken before anything is read, so what a write has judged still holds when it is
committed: a compare-and-set needs no more than that (Ledger 10, 11, 22).
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from ringfence.core.errors import StoreError
from ringfence.storage.sqlite.file import STORE, Handle, breaks, failure, primary_code

T = TypeVar("T")

#: One request's write: statements on the connection, inside a transaction that it does not end.
Work: TypeAlias = Callable[[sqlite3.Connection], T]

#: Writes in one transaction at most: 64 of them keep the loop for 2 to 3 ms.
_GROUP: Final = 64

#: Writes that may wait; beyond it they are refused at once, rather than after everybody has left.
_MOST_WAITING: Final = 10_000

#: How long to wait for another process that holds the write lock, and how often to ask.
_PATIENCE_SECONDS: Final = 5.0
_ASK_AGAIN_SECONDS: Final = 0.001


@dataclass(slots=True, eq=False)
class _Job:
    """One write, and the request that waits for it."""

    work: Work[Any]
    answer: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Writer:
    """Takes writes from any task of one loop and commits them in groups, in order."""

    def __init__(self, handle: Handle) -> None:
        self._handle: Final = handle
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="ringfence-sqlite")
        self._waiting: list[_Job] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def run(self, work: Work[T]) -> T:
        """What ``work`` returns or raises, once it is on the disk.

        Raises:
            StoreError: It is not on the disk, and will not be.
        """
        if self._closed:
            raise StoreError(STORE, "closed")
        if len(self._waiting) >= _MOST_WAITING:
            raise StoreError(STORE, "overloaded")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Job(work, answer))
        if self._task is None:
            # A context of its own: the group belongs to no request, least of all to the first.
            self._task = loop.create_task(self._work_off(), context=Context())
        return await answer

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run ``call`` in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def close(self) -> None:
        """Finish what waits, take nothing more, close the connection."""
        self._closed = True
        if self._task is not None:
            await self._task
        self._thread.shutdown()
        self._handle.drop()

    async def _work_off(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            try:
                await self._commit(group)
            except Exception as error:  # noqa: BLE001  # whatever it is, nobody waits for ever
                if isinstance(error, _LockedError):  # nobody behind this group would fare better
                    group += self._waiting
                    self._waiting = []
                _fail(group, error)
            else:
                _answer(group)
        self._task = None

    async def _commit(self, group: list[_Job]) -> None:
        try:
            connection = self._handle.get()
        except Exception as error:
            self._handle.settle(error)
            raise
        try:
            await self._begin(connection)
            _perform(connection, group)
            await self.in_thread(connection.commit)
        except Exception as error:
            with suppress(sqlite3.Error):
                connection.rollback()  # does nothing where SQLite has rolled back already
            self._handle.settle(error)
            raise

    async def _begin(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY:
                raise
            await self.in_thread(lambda: _take_turn(connection))


class _LockedError(sqlite3.OperationalError):
    """Another process kept the write lock for longer than we wait."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY
    sqlite_errorname = "SQLITE_BUSY"


def _take_turn(connection: sqlite3.Connection) -> None:
    """Wait for another process's commit; runs in the thread.

    SQLite's own busy handler backs off up to 100 ms, and would hardly ever meet the gap between
    two transactions of a busy rival. Asking every millisecond does.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > deadline:
                raise _LockedError from error
        else:
            return
        time.sleep(_ASK_AGAIN_SECONDS)


def _perform(connection: sqlite3.Connection, group: list[_Job]) -> None:
    """Run each write in its savepoint; raises where the transaction itself is lost."""
    for job in group:
        if job.answer.cancelled():
            continue
        connection.execute("SAVEPOINT one")
        try:
            job.result = job.work(connection)
        except Exception as error:
            # A full disk may have rolled everything back already.
            if not connection.in_transaction or breaks(error):
                raise
            connection.execute("ROLLBACK TO one")
            job.error = failure(error) if isinstance(error, sqlite3.Error) else error
        connection.execute("RELEASE one")


def _answer(group: list[_Job]) -> None:
    for job in group:
        if job.answer.done():  # the client has left
            continue
        if job.error is None:
            job.answer.set_result(job.result)
        else:
            job.answer.set_exception(job.error)


def _fail(group: list[_Job], cause: Exception) -> None:
    for job in group:
        if not job.answer.done():
            error = failure(cause)
            error.__cause__ = cause
            job.answer.set_exception(error)
