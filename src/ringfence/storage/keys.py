"""The key files: made at the first start, refused when others can read them.

They are in a folder outside of the database and its backup. Keys are made only where none are: a
file that is missing beside others stops the start.

    signing-SECONDS.pem   ES256 private keys; each signs from that time on (seconds since 1970)
    pepper-VERSION.key    32 random bytes, as are the following
    salt.key  sealing.key  log.key

Sources: DESIGN section 6; ASVS 5.0 13.3.1, 13.3.2.
"""

import fcntl
import os
import re
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey

from ringfence.authn.accounts import AccountStore
from ringfence.authn.keys import (
    KEY_BYTES,
    FingerprintStore,
    Keys,
    SigningKey,
    fingerprints,
    mismatches,
    new_signing_key,
    over,
    signing_name,
)
from ringfence.core.errors import ConfigurationError
from ringfence.core.secret import Secret


class KeyedStores(Protocol):
    """What tells whether keys belong to a database."""

    @property
    def accounts(self) -> AccountStore: ...
    @property
    def fingerprints(self) -> FingerprintStore: ...


_PEPPER: Final = re.compile(r"pepper-([1-9][0-9]{0,8})\.key")
_SIGNING: Final = re.compile(r"signing-([0-9]{1,10})\.pem")
_SINGLE: Final = ("salt.key", "sealing.key", "log.key")
_UNFINISHED: Final = "unfinished"  # there while the first start makes the files
_PEM_BYTES: Final = 4096  # at most


async def open_keys(folder: Path, stores: KeyedStores) -> Keys:
    """The keys in ``folder``, which must be those that the database was made with.

    They are made only beside an empty database: a folder that is missing, because its volume is
    not mounted, would else get new keys in silence, under which every right password is refused.
    Whatever key the database does not know yet, it knows from here on.

    Args:
        folder: Of the keys.
        stores: Started already.

    Raises:
        ConfigurationError: Names of every key that is missing, damaged, open to others, or not the
            one that the database was made with.
        StoreError: The database does not answer.
    """
    known = await stores.fingerprints.known()
    empty = not known and not await stores.accounts.list(limit=1)
    keys = load_or_create(folder) if empty else load(folder)
    _compare(folder, keys, known)
    await stores.fingerprints.add(fingerprints(keys))
    _compare(folder, keys, await stores.fingerprints.known())  # another may have started as well
    return keys


def _compare(folder: Path, keys: Keys, known: Mapping[str, bytes]) -> None:
    problems = [f"{folder.name}/{problem}" for problem in mismatches(keys, known)]
    if problems:
        raise ConfigurationError(*problems)


def load(folder: Path) -> Keys:
    """Read the keys in ``folder``, and make none.

    Raises:
        ConfigurationError: As ``load_or_create``; there are none.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"{folder.name} is missing, and the database was made with keys: is a volume not"
            " mounted? Restore them; without them no password works"
        )
    with _locked(folder, create=False) as handle:
        return _Reader(folder.name, handle).keys()


def load_or_create(folder: Path) -> Keys:
    """Read the keys in ``folder``; make them first if it is empty or missing.

    Two processes that start at once end with the same keys. After a crash in the middle of
    the first start the next one makes what is still missing.

    Raises:
        ConfigurationError: Names of every file that is missing, damaged, or open to others.
    """
    with _locked(folder, create=True) as handle:
        if _UNFINISHED in _names(handle) or not _key_files(handle):
            _create(handle)
        return _Reader(folder.name, handle).keys()


def rotate_signing(folder: Path, now: datetime) -> str:
    """Add a signing key that signs from ``PUBLISHED_BEFORE`` on; remove those that are over.

    Processes that run read the folder at their start: start them anew before it signs.

    Returns:
        The id of the new key.

    Raises:
        ConfigurationError: As ``load_or_create``.
    """
    with _locked(folder, create=False) as handle:
        keys = _Reader(folder.name, handle).keys().signing
        new = new_signing_key(keys, now)
        _write(handle, signing_name(new.signs_from), new.key.as_pem(private=True))
        for key in over(keys, now):
            os.unlink(signing_name(key.signs_from), dir_fd=handle)
        os.fsync(handle)
    return new.kid


class _Reader:
    """Reads a folder of keys and notes every problem before it gives up."""

    def __init__(self, name: str, handle: int) -> None:
        self._name = name
        self._handle = handle
        self._problems: list[str] = []

    def keys(self) -> Keys:
        names = sorted(_key_files(self._handle))
        signing = [
            self._signing(name, int(n[1])) for name in names if (n := _SIGNING.fullmatch(name))
        ]
        peppers = {
            int(n[1]): self._secret(name) for name in names if (n := _PEPPER.fullmatch(name))
        }
        salt, sealing, log = map(self._secret, _SINGLE)
        if not signing:
            self._problem("signing-….pem", "is missing")
        if not peppers:
            self._problem("pepper-….key", "is missing")
        if self._problems:
            raise ConfigurationError(*self._problems)
        return Keys(
            signing=tuple(sorted(filter(None, signing), key=lambda key: key.signs_from)),
            peppers=peppers,
            salt=salt,
            sealing=sealing,
            log=log,
        )

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
        except (JoseError, TypeError, ValueError):
            self._problem(name, "is not a private key in PEM")
            return None
        if not key.is_private or key.curve_name != "P-256":
            self._problem(name, "is not a private key for ES256")
            return None  # joserfc before 1.8 takes an RSA key for one, and fails at its thumbprint
        signs_from = datetime.fromtimestamp(seconds, UTC)
        return SigningKey(kid=key.thumbprint(), signs_from=signs_from, key=key)

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


@contextmanager
def _locked(folder: Path, *, create: bool) -> Generator[int]:
    """A handle of the folder that no other process holds at the same time."""
    try:
        if create:
            _make_folder(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if problem := _exposed(os.fstat(handle), stat.S_ISDIR):
                raise ConfigurationError(f"{folder.name} {problem}")
            fcntl.flock(handle, fcntl.LOCK_EX)
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


def _names(handle: int) -> set[str]:
    """What is in the folder."""
    return set(os.listdir(handle))  # a handle has no Path


def _key_files(handle: int) -> list[str]:
    """The names of the key files that are there."""
    return [
        name
        for name in _names(handle)
        if name in _SINGLE or _PEPPER.fullmatch(name) or _SIGNING.fullmatch(name)
    ]


def _create(handle: int) -> None:
    """Make the files of the first start, but for those that it made before it was cut short."""
    there = _names(handle)
    if _UNFINISHED not in there:
        _write(handle, _UNFINISHED, b"")
    for name in {*_SINGLE, "pepper-1.key"} - there:
        _write(handle, name, OctKey.generate_key(KEY_BYTES * 8).raw_value)
    first = signing_name(datetime.fromtimestamp(0, UTC))
    if first not in there:
        _write(handle, first, ECKey.generate_key("P-256").as_pem(private=True))
    os.fsync(handle)
    os.unlink(_UNFINISHED, dir_fd=handle)
    os.fsync(handle)


def _write(handle: int, name: str, content: bytes) -> None:
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
