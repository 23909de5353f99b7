"""A folder of key files: read whole or refused, written whole or not at all.

Every file is its owner's alone, and a plain file: what others can read is no secret any more.

Sources: DESIGN section 6; ASVS 5.0 13.3.1, 13.3.2.
"""

import fcntl
import os
import re
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey

from ringfence.authn.keys import KEY_BYTES, Keys, SealingKey, SigningKey, signing_name
from ringfence.core.errors import ConfigurationError
from ringfence.core.secret import Secret

_PEPPER: Final = re.compile(r"pepper-([1-9][0-9]{0,8})\.key")
_SIGNING: Final = re.compile(r"signing-([0-9]{1,10})\.pem")
_SEALING: Final = re.compile(r"sealing(?:-([0-9]{1,10}))?\.key")
_SINGLE: Final = ("salt.key", "log.key")
_FIRST: Final = (*_SINGLE, "sealing.key", "pepper-1.key")
UNFINISHED: Final = "unfinished"  # there while the first start makes the files
_PEM_BYTES: Final = 4096  # at most


class Reader:
    """Reads a folder of keys and notes every problem before it gives up.

    Args:
        name: Of the folder, for what is said of it.
        handle: Of the folder.
    """

    def __init__(self, name: str, handle: int) -> None:
        self._name = name
        self._handle = handle
        self._problems: list[str] = []

    def keys(self) -> Keys:
        """All keys. Raises ConfigurationError with every problem."""
        there = sorted(key_files(self._handle))
        signing = [
            self._signing(name, int(n[1])) for name in there if (n := _SIGNING.fullmatch(name))
        ]
        sealing = [
            SealingKey(seals_from=_date(n[1] or 0), key=self._secret(name))
            for name in there
            if (n := _SEALING.fullmatch(name))
        ]
        peppers = {
            int(n[1]): self._secret(name) for name in there if (n := _PEPPER.fullmatch(name))
        }
        salt, log = map(self._secret, _SINGLE)
        if not signing:
            self._problem("signing-….pem", "is missing")
        if not sealing:
            self._problem("sealing.key", "is missing")
        if not peppers:
            self._problem("pepper-….key", "is missing")
        if self._problems:
            raise ConfigurationError(*self._problems)
        return Keys(
            signing=tuple(sorted(filter(None, signing), key=lambda key: key.signs_from)),
            peppers=peppers,
            salt=salt,
            sealing=tuple(sorted(sealing, key=lambda each: each.seals_from)),
            log=log,
        )

    def single(self, name: str) -> Secret[bytes]:
        """One key. Raises ConfigurationError."""
        key = self._secret(name)
        if self._problems:
            raise ConfigurationError(*self._problems)
        return key

    def _secret(self, name: str) -> Secret[bytes]:
        content = self._read(name, KEY_BYTES)
        if content and len(content) != KEY_BYTES:
            self._problem(name, f"is not {KEY_BYTES} bytes long")
        return Secret(content)

    def _signing(self, name: str, seconds: int) -> SigningKey | None:
        content = self._read(name, _PEM_BYTES)
        if not content:
            return None
        try:
            key = ECKey.import_key(content)
            usable = key.is_private and key.curve_name == "P-256"
        except (JoseError, LookupError, TypeError, ValueError):  # LookupError: of an unknown curve
            self._problem(name, "is not a private key in PEM")
            return None
        if not usable:
            self._problem(name, "is not a private key for ES256")
            return None  # joserfc before 1.8 takes an RSA key for one, and fails at its thumbprint
        return SigningKey(kid=key.thumbprint(), signs_from=_date(seconds), key=key)

    def _read(self, name: str, most_bytes: int) -> bytes:
        """The content of one file, one byte more than ``most_bytes`` at most; empty if refused."""
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._handle)
        except FileNotFoundError:
            self._problem(name, "is missing")
            return b""
        except OSError:  # a symbolic link, or not ours to read
            self._problem(name, "is not a plain file of this user")
            return b""
        try:
            if problem := _exposed(os.fstat(file), stat.S_ISREG):
                self._problem(name, problem)
                return b""
            content = os.read(file, most_bytes + 1)
        finally:
            os.close(file)
        if not content:
            self._problem(name, "is empty")
        return content

    def _problem(self, name: str, problem: str) -> None:
        self._problems.append(f"{self._name}/{name} {problem}")


def _date(seconds: int | str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


@contextmanager
def locked(folder: Path, *, create: bool) -> Generator[int]:
    """A handle of the folder that no other process holds at the same time."""
    with opened(folder, create=create) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle


@contextmanager
def opened(folder: Path, *, create: bool = False) -> Generator[int]:
    """A handle of the folder. Raises ConfigurationError."""
    try:
        if create:
            _make_folder(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if problem := _exposed(os.fstat(handle), stat.S_ISDIR):
                raise ConfigurationError(f"{folder.name} {problem}")
            yield handle
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigurationError(f"{folder.name} cannot be used: {error.strerror}") from error


def _make_folder(folder: Path) -> None:
    """Make the folder, if it is missing, so that a power cut does not undo it."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
        parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)


def _exposed(info: os.stat_result, is_kind: Callable[[int], bool]) -> str:
    """What is wrong with a file or folder that should be this user's alone, if anything."""
    if not is_kind(info.st_mode):
        return "is of another kind than expected"
    if info.st_uid != os.geteuid():
        return "belongs to another user"
    if info.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return "is open to other users"
    return ""


def names(handle: int) -> set[str]:
    """What is in the folder."""
    return set(os.listdir(handle))  # a handle has no Path


def key_files(handle: int) -> list[str]:
    """The names of the key files that are there."""
    return [
        name
        for name in names(handle)
        if name in _SINGLE or any(kind.fullmatch(name) for kind in (_PEPPER, _SIGNING, _SEALING))
    ]


def create(handle: int) -> None:
    """Make the files of the first start, but for those that it made before it was cut short."""
    there = names(handle)
    if UNFINISHED not in there:
        write(handle, UNFINISHED, b"")
    for name in {*_FIRST} - there:
        write(handle, name, OctKey.generate_key(KEY_BYTES * 8).raw_value)
    first = signing_name(_date(0))
    if first not in there:
        write(handle, first, ECKey.generate_key("P-256").as_pem(private=True))
    os.fsync(handle)
    os.unlink(UNFINISHED, dir_fd=handle)
    os.fsync(handle)


def write(handle: int, name: str, content: bytes) -> None:
    """Write a file that is there whole or not at all, and readable by its owner alone."""
    new = f"{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(new, dir_fd=handle)  # of a crash: the lock is ours
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=handle)
    with os.fdopen(file, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(file)
    os.rename(new, name, src_dir_fd=handle, dst_dir_fd=handle)
