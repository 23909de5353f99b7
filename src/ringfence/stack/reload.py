"""What a process reads again while it runs: its keys, once a second and at SIGHUP.

SIGHUP tells a service to read again what it has in memory (``systemctl reload``); unhandled, it
would end the process. It also makes the log begin anew where it was moved away.
"""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from ringfence.authn.keyring import KeyRing
from ringfence.authn.keys import FingerprintStore, fingerprints
from ringfence.core.codes import CODES
from ringfence.core.errors import ConfigurationError, StoreError
from ringfence.core.event import Event, EventSink

_EVERY_SECONDS: Final = 1.0


class Reload:
    """Reads again, until it is stopped. Belongs to one event loop.

    Args:
        ring: The keys.
        known: What the database knows of them.
        sink: What is told of each change.
        clock: The time.
    """

    def __init__(
        self,
        ring: KeyRing,
        known: FingerprintStore,
        sink: EventSink,
        clock: Callable[[], datetime],
    ) -> None:
        self._ring: Final = ring
        self._known: Final = known
        self._sink: Final = sink
        self._clock: Final = clock
        self._asked: Final = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._restore: Callable[[], None] | None = None
        self._trouble: tuple[str, ...] = ()  # that is written down already
        self._unknown = False  # whether the database may lack one of the keys

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run())
        self._restore = _at_hangup(self._asked.set)

    async def stop(self) -> None:
        """Look no more."""
        if self._restore is not None:
            self._restore()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self._asked.wait()
            if self._asked.is_set():
                self._asked.clear()
                self._trouble = ()  # said again to whoever asks
                self._note("service.reloaded")
            await self.look()

    async def look(self) -> None:
        """Take keys that have come or gone, and let the database know them."""
        try:
            if self._ring.look():
                self._unknown = True
                newest, pepper = self._ring.signing[-1], max(self._ring.peppers)
                self._note("keys.read", {"newest": newest.kid[:8], "pepper": pepper})
            self._trouble = ()
        except ConfigurationError as error:
            self._told(*error.problems)
        except Exception as error:  # noqa: BLE001  # whatever is there: the next look must come
            self._told(type(error).__name__)
        if self._unknown:
            with contextlib.suppress(StoreError):  # it is told the next time
                await self._known.add(fingerprints(self._ring.keys))
                self._unknown = False

    def _told(self, *problems: str) -> None:
        """Write down why keys cannot be read, once."""
        if problems != self._trouble:
            self._trouble = problems
            self._note("keys.unreadable", {"problems": "; ".join(problems)})

    def _note(self, code: str, facts: Mapping[str, str | int] | None = None) -> None:
        self._sink.emit(Event(at=self._clock(), code=CODES[code], facts=facts or {}))


def _at_hangup(call: Callable[[], None]) -> Callable[[], None] | None:
    """Let SIGHUP ``call``, unless somebody else has taken it; returns what undoes that."""
    if threading.current_thread() is not threading.main_thread():
        return None
    before = signal.getsignal(signal.SIGHUP)
    if before not in (signal.SIG_DFL, signal.SIG_IGN):
        return None
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, call)

    def restore() -> None:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)

    return restore
