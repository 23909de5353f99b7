"""The threads in which passwords are hashed; ``authn.hashing`` judges who gets one.

Argon2id releases the interpreter, so that the event loop stays quiet meanwhile.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from ringfence.authn.hashing import Admission, HashingLimits
from ringfence.core.errors import Refused

T = TypeVar("T")


class HashingPool:
    """``Hashing`` in threads. Belongs to one event loop."""

    def __init__(self, limits: HashingLimits | None = None) -> None:
        self._limits: Final = limits or HashingLimits()
        self._admission: Final = Admission[asyncio.Future[None]](self._limits)
        self._threads: Final = ThreadPoolExecutor(self._limits.workers, "ringfence-hashing")

    async def run(self, job: Callable[[], T], *, reserved: bool) -> T:
        """See ``Hashing.run``."""
        if not self._admission.start(reserved=reserved):
            await self._wait(reserved=reserved)
        loop = asyncio.get_running_loop()
        try:
            running = self._threads.submit(job)
        except RuntimeError as error:  # closed
            self._give_back(reserved)
            raise self._busy() from error

        # The worker is given back when the thread is done, not when the caller is: callers that
        # go away must not let the memory grow.
        def give_back(_done: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(self._give_back, reserved)

        running.add_done_callback(give_back)
        return await asyncio.wrap_future(running)

    @property
    def load(self) -> tuple[int, int]:
        """How many are hashed, and how many wait."""
        return self._admission.load

    def close(self) -> None:
        """Take no more jobs; what runs is finished."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _wait(self, *, reserved: bool) -> None:
        """Wait for a worker; on return it is taken."""
        ticket = asyncio.get_running_loop().create_future()
        if not self._admission.wait(ticket, reserved=reserved):
            raise self._busy()
        try:
            async with asyncio.timeout(self._limits.patience.total_seconds()):
                await ticket
        except BaseException as error:
            self._admission.leave(ticket, reserved=reserved)
            if not ticket.cancelled():  # it got its worker just when the caller left
                self._give_back(reserved)
            if isinstance(error, TimeoutError):
                raise self._busy() from error
            raise

    def _give_back(self, reserved: bool) -> None:  # noqa: FBT001  # call_soon takes no keywords
        called_up = self._admission.finish(reserved=reserved)
        while called_up is not None:
            ticket, kind = called_up
            if not ticket.done():
                ticket.set_result(None)
                return
            called_up = self._admission.finish(reserved=kind)  # it was leaving: the next one

    def _busy(self) -> Refused:
        return Refused("hashing.busy", retry_after=self._limits.patience)
