"""News of revocations between the processes of one host, and within one.

NOTIFY brings them to every host within milliseconds, but a worker on this one is to know on its
very next request (DESIGN section 6). So whoever has revoked something appends a byte to a file that
the workers share, before the request that asked for it is answered; its length is looked at on
every request (0.5 µs). Appending is atomic: two at once are two bytes, with no lock to wait for.

The file belongs to one user and one database. Processes of another user, or in a container of their
own, are another host as far as this goes: they hear by NOTIFY.
"""

import fcntl
import os
import stat
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ringfence.core.errors import ConfigurationError

_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # opened as carefully as its sharing asks for
_MODE: Final = 0o600
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class News:
    """How often the feed may have grown, as far as is known here: a number that only rises."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self._path: Final = (folder or _shared()) / _name(url)
        self._heard = 0
        self._descriptor: int | None = None

    def open(self) -> None:
        """Begin to share.

        Raises:
            ConfigurationError: Something that is not ours stands in the file's place.
        """
        descriptor = self._open()
        while not self._stands(descriptor):  # the last one who shared it has just removed it
            os.close(descriptor)
            descriptor = self._open()
        self._descriptor = descriptor

    def close(self) -> None:
        """Share no more; whoever is the last one removes the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):  # others still share it, or it is not ours to remove any more
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._path.unlink()
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
        with suppress(ConfigurationError):
            self.open()
        return 0 if self._descriptor is None else os.fstat(self._descriptor).st_size

    def _open(self) -> int:
        """The file, ours and locked as everybody's who shares it."""
        try:
            descriptor = os.open(self._path, _FLAGS, _MODE)
        except OSError as error:
            raise ConfigurationError(f"{self._path}: {os.strerror(error.errno or 0)}") from error
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise ConfigurationError(f"{self._path}: belongs to somebody else")
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return descriptor

    def _stands(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(follow_symlinks=False), os.fstat(descriptor))
        except FileNotFoundError:
            return False


def _shared() -> Path:
    return _IN_MEMORY if _IN_MEMORY.is_dir() else Path(tempfile.gettempdir())


def _name(url: str) -> str:
    """One for each user and database; the address without its password, and not to be read."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2].lower()  # several, perhaps
    database = f"{hosts}{parts.path}?{parts.query}"
    return f"ringfence-{os.geteuid()}-{sha256(database.encode()).hexdigest()[:16]}"
