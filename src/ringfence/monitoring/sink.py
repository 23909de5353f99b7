"""Where the lines go: a file that only its owner reads, or standard output. It never waits.

A pipe whose reader has stopped, or a full disk, must not make requests fail. A line that cannot be
written is kept, in order, up to a limit, and tried again. Lines beyond the limit are counted, and
the count is written once there is room.
"""

import errno
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

#: Writes one line, whole or not at all; raises OSError where it cannot be written now.
Write: TypeAlias = Callable[[bytes], None]

MOST_WAITING: Final = 1000  # lines of at most 4 KiB

STANDARD_OUTPUT: Final = 1


def open_log(path: str | Path) -> int:
    """A descriptor that appends to ``path``, made with mode 0600. Raises OSError."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class Descriptor:
    """Writes to a descriptor. What a full disk cut off of a line goes out before the next one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll: Final = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._rest = b""

    def __call__(self, line: bytes) -> None:
        """Take ``line`` over, or raise OSError and leave it to the caller."""
        if self._rest:
            self._rest = self._rest[self._some(self._rest) :]
            if self._rest:
                raise BlockingIOError(errno.EAGAIN, "no room")
        self._rest = line[self._some(line) :]

    def close(self) -> None:
        """Close the descriptor; its number may soon be another file's."""
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def _some(self, data: bytes) -> int:
        """Write as much as fits now. A pipe that polls as writable has room for one line."""
        if not self._poll.poll(0):
            raise BlockingIOError(errno.EAGAIN, "no room")
        return os.write(self._descriptor, data)


class LogFile:
    """The log of that name. Where it was moved away or removed, the next line begins a new one.

    Otherwise every line after a rotation, or after somebody removed the log, would go to a file
    that nobody reads. A process that has dropped privileges and may not begin a new log goes on in
    the old one.
    Raises OSError if it cannot be opened.
    """

    def __init__(self, path: str, begin: Callable[[Path], int] = open_log) -> None:
        self._path: Final = Path(path).absolute()
        self._begin: Final = begin
        self._open()

    def __call__(self, line: bytes) -> None:
        """Take ``line`` over, or raise OSError and leave it to the caller."""
        if not self._stands():
            before = self._descriptor
            with suppress(PermissionError):
                self._open()
                before.close()
        self._descriptor(line)

    def close(self) -> None:
        """Let go of the file."""
        self._descriptor.close()

    def _open(self) -> None:
        descriptor = self._begin(self._path)
        self._descriptor = Descriptor(descriptor)
        self._file = os.fstat(descriptor)

    def _stands(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), self._file)
        except FileNotFoundError:
            return False
        except PermissionError:
            return True  # as far as may be known


class Lines:
    """Lines on their way out, in order; ``put`` neither waits nor raises."""

    def __init__(self, write: Write) -> None:
        self._write: Final = write
        self._waiting: Final[deque[bytes]] = deque()
        self._lock: Final = threading.Lock()  # handlers in threads, and the process's own logging
        self.lost = 0  # lines that there was no room for
        self.trouble = ""  # why the last attempt failed; empty when all is written

    def put(self, line: bytes) -> None:
        """Write ``line`` after those that wait, or let it wait too."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING and not self._empty():
                self.lost += 1
                return
            self._waiting.append(line)
            self._empty()

    def retry(self) -> bool:
        """Write what waits; whether all of it is out."""
        with self._lock:
            return self._empty()

    def _empty(self) -> bool:
        try:
            while self._waiting:
                self._write(self._waiting[0])
                self._waiting.popleft()
        except OSError as error:
            self.trouble = type(error).__name__
            return False
        self.trouble = ""
        return True
