"""The file root: names that a client sends cannot leave their folder (ATTACKS I07; ASVS 5.3.2).

First the text of a name is checked. Refused are NUL (before anything else, because C ends a string
there), ``..``, absolute and Windows names, and encodings that later code might decode. Then the
name is walked from the folder's own descriptor, one component after the other. Each is opened with
``O_NOFOLLOW``: no symbolic link is followed at any depth, and no time passes between a check and
its use. Only a regular file is handed out, never a device or a pipe. The walk needs only POSIX, so
every system uses this one way, and there is no weaker second one.
"""

import errno
import os
import stat
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol
from urllib.parse import unquote

from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.exchange import refusal, trace
from ringfence.core.seam import Seam

NAME_LIMIT_BYTES: Final = 255  # of one component, as file systems have it
PATH_LIMIT_BYTES: Final = 1_024

_RESERVED: Final = frozenset('<>:"|?*\\')  # special on Windows; ``:`` opens streams and drives
_DEVICES: Final = frozenset(
    {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe must not wait for somebody to write to it.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_LINK: Final = frozenset({errno.ELOOP, errno.ENOTDIR})  # a link, or one in place of a folder
_MISSING: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENXIO})  # ENXIO: a socket


def components(name: object) -> tuple[str, ...]:
    """The parts of a relative name that stays below its root. Raises ``file.outside``."""
    if not isinstance(name, str) or "\0" in name:
        raise _outside("not a name")
    if unquote(name) != name:
        raise _outside("encoded")  # %2e, %252e, %c0%ae: harmless here, until somebody decodes it
    # Look-alikes count as what they look like: a full-width ".." or "/" is refused as such.
    plain = unicodedata.normalize("NFKC", name)
    if plain.count("/") != name.count("/") or _bytes(name) > PATH_LIMIT_BYTES:
        raise _outside("not canonical")
    for part in plain.split("/"):
        if reason := _flaw(part):
            raise _outside(reason)
    return tuple(name.split("/"))


class FileRoot:
    """A folder whose files are reached by the names that clients send.

    Args:
        folder: The root; made by whoever owns it, before the first use.

    Every method raises ``Refused``: ``file.outside`` for a name that leads elsewhere,
    ``file.missing`` where there is no such regular file.
    """

    def __init__(self, folder: Path) -> None:
        if os.open not in os.supports_dir_fd:
            raise ConfigurationError("a file root needs a POSIX system")
        self.folder: Final = folder

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading. The caller closes it."""
        return FILES.current().open(self.folder, name)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        with self.open(name) as file:
            return file.read()

    def write(self, name: str, content: bytes) -> None:
        """Create a file, readable by its owner only. Raises FileExistsError if there is one."""
        FILES.current().write(self.folder, name, content)

    def path(self, name: str) -> Path:
        """The path of an existing file, for an interface that takes only paths.

        Prefer ``open``: between this answer and its use the file could be replaced.
        """
        return FILES.current().path(self.folder, name)


class Files(Protocol):
    """Who opens the files of a root. Raises as ``FileRoot``."""

    def open(self, folder: Path, name: str) -> BinaryIO: ...
    def write(self, folder: Path, name: str, content: bytes) -> None: ...
    def path(self, folder: Path, name: str) -> Path: ...


class Below:
    """Opens what is below the folder, and nothing else."""

    def open(self, folder: Path, name: str) -> BinaryIO:
        """Walk to the file and open it."""
        trace("file.resolved")
        *folders, last = components(name)
        with _descend(folder, folders) as parent:
            descriptor = _open(last, _READ, parent)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise refusal("file.missing", reason="not a regular file")
        return os.fdopen(descriptor, "rb")

    def write(self, folder: Path, name: str, content: bytes) -> None:
        """Walk to the folder and create the file."""
        trace("file.resolved")
        *folders, last = components(name)
        with _descend(folder, folders) as parent:
            descriptor = _open(last, _CREATE, parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)

    def path(self, folder: Path, name: str) -> Path:
        """The path of a file that could be opened."""
        self.open(folder, name).close()
        return folder / name


FILES: Final = Seam[Files](Layer.BOUNDARY, Below())


@contextmanager
def _descend(root: Path, folders: list[str]) -> Generator[int]:
    """A descriptor of the folder reached through ``folders``, without following a link."""
    # The root itself is configuration, not input: it may be reached through a link.
    try:
        descriptor = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    except FileNotFoundError:
        raise refusal("file.missing", reason=f"no folder {root}") from None
    try:
        for folder in folders:
            deeper = _open(folder, _FOLDER, descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _flaw(part: str) -> str:
    """Why a component is refused; empty if it is not."""
    if part in {"", ".", ".."}:
        return "empty or relative"
    if any(character in _RESERVED or not character.isprintable() for character in part):
        return "reserved or control character"
    if part[-1] in ". " or part.partition(".")[0].rstrip().lower() in _DEVICES:
        return "Windows reads it as another name"
    if "\N{REPLACEMENT CHARACTER}" in part or _bytes(part) > NAME_LIMIT_BYTES:
        return "malformed or too long"
    return ""


def _open(name: str, flags: int, parent: int) -> int:
    """``openat`` with its failures as refusals."""
    try:
        return os.open(name, flags, 0o600, dir_fd=parent)
    except OSError as error:
        if error.errno in _LINK and _is_link(name, parent):
            raise _outside("symbolic link") from None
        if error.errno in _MISSING:
            raise refusal("file.missing") from None
        raise


def _is_link(name: str, parent: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _outside(reason: str) -> Refused:
    return refusal("file.outside", reason=reason)
