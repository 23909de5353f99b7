"""News of revocations between the processes of one host, and within one.

NOTIFY brings them to every host within milliseconds, but a worker on this one is to know on its
very next request (DESIGN section 6). So whoever has revoked something appends a byte to a file that
the workers share, before the request that asked for it is answered; its length is looked at on
every request (0.5 µs). Appending is atomic: two at once are two bytes, with no lock to wait for.

The file belongs to one user and one database. Processes of another user, or in a container of their
own, are another host as far as this goes: they hear by NOTIFY.

Everybody may write to the folder. What another user has put in the file's place is neither opened
for good nor in the way: the file then has the next of several names, and whoever comes later looks
through all of them for one that is ours (CWE-59, CWE-377). Where others have taken every name, the
workers hear by NOTIFY alone, and the log says so.
"""

import fcntl
import logging
import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # opened as carefully as its sharing asks for
_MODE: Final = 0o600
_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NAMES: Final = 16

_logger: Final = logging.getLogger(__name__)


class News:
    """How often the feed may have grown, as far as is known here: a number that only rises."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._paths: Final = _paths(folder or _shared(), url)
        self._heard = 0
        self._descriptor: int | None = None

    def open(self) -> None:
        """Begin to share."""
        self._descriptor = self._open()
        if self._descriptor is None:
            _logger.warning(
                "no file to share news of revocations in: other users have taken %s and the names"
                " like it; a revocation reaches the other workers of this host within a second",
                self._paths[0],
            )

    def close(self) -> None:
        """Share no more; whoever is the last one removes the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):  # others still share it, or it is not ours to remove any more
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._remove(descriptor)
            os.close(descriptor)

    @property
    def count(self) -> int:
        """The number."""
        told = self._told()
        return self._heard + told  # in this order: a file that is gone raises what was heard

    def hear(self) -> None:
        """The feed may have grown, says another host."""
        self._heard += 1

    def tell(self) -> None:
        """The feed may have grown, by us: every worker on this host is to look."""
        self._heard += 1
        self._told()  # or nobody would hear it, in a file that is gone
        if self._descriptor is not None:
            with suppress(OSError):  # no room for a byte: NOTIFY tells them
                os.write(self._descriptor, b".")

    def _told(self) -> int:
        """The length of the file that is shared now.

        Somebody may have tidied the folder up (systemd's RemoveIPC does), and newcomers share
        another file: that one is opened, and counts as news, for what was said there was not heard
        here. Without a file, NOTIFY brings the news.
        """
        if self._descriptor is None:
            return 0
        found = os.fstat(self._descriptor)
        if found.st_nlink:
            return found.st_size
        self._heard += found.st_size + 1
        os.close(self._descriptor)
        self._descriptor = None
        self._descriptor = self._open()
        return 0 if self._descriptor is None else os.fstat(self._descriptor).st_size

    def _open(self) -> int | None:
        """The file that is shared, locked as everybody's who shares it; a new one if need be.

        Whoever removes it holds it alone: it may be gone by the time it is ours to share.
        """
        for flags in (_FLAGS, _FLAGS | os.O_CREAT):
            for path in self._paths:
                while (descriptor := _ours(path, flags)) is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_SH)
                    if _stands(path, descriptor):
                        return descriptor
                    os.close(descriptor)
        return None

    def _remove(self, descriptor: int) -> None:
        for path in self._paths:
            if _stands(path, descriptor):
                path.unlink()


def _ours(path: Path, flags: int) -> int | None:
    """The file of that name, if it is a file of our own."""
    try:
        descriptor = os.open(path, flags, _MODE)
    except OSError:
        return None
    found = os.fstat(descriptor)
    if found.st_uid == os.geteuid() and stat.S_ISREG(found.st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _stands(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _shared() -> Path:
    return _IN_MEMORY if _IN_MEMORY.is_dir() else Path(tempfile.gettempdir())


def _paths(folder: Path, url: str) -> Sequence[Path]:
    """For each user and database; the address without its password, and not to be read."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2].lower()  # several, perhaps
    database = sha256(f"{hosts}{parts.path}?{parts.query}".encode()).hexdigest()[:16]
    name = f"ringfence-{os.geteuid()}-{database}"
    return [folder / name, *(folder / f"{name}-{number}" for number in range(1, _NAMES))]
