"""The key files: made at the first start, refused when others can read them.

They are in a folder outside of the database and its backup. Keys are made only where none are: a
file that is missing beside others stops the start.

    signing-SECONDS.pem   ES256 private keys; each signs from that time on (seconds since 1970)
    sealing-SECONDS.key   32 random bytes, as are the following; the first is sealing.key
    pepper-VERSION.key
    salt.key  log.key

``rotate`` adds one, and a process that runs reads it by ``KeyFolder``.

Sources: DESIGN section 6; ASVS 5.0 13.3.1, 13.3.2.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from joserfc.jwk import OctKey

from ringfence.authn.accounts import AccountStore
from ringfence.authn.keys import (
    KEY_BYTES,
    FingerprintStore,
    Keys,
    fingerprints,
    mismatches,
    new_sealing_key,
    new_signing_key,
    over,
    pepper_name,
    sealing_name,
    signing_name,
)
from ringfence.core.errors import ConfigurationError
from ringfence.storage.key_files import (
    UNFINISHED,
    Reader,
    create,
    key_files,
    locked,
    names,
    opened,
    write,
)

#: A folder that changed just now may change again within the same tick of its clock.
_TICK_NS: Final = 1_000_000_000

#: A folder that cannot be used is looked at no more often: each unknown key would cause it.
_PAUSE_SECONDS: Final = 0.5


class KeyedStores(Protocol):
    """What tells whether keys belong to a database."""

    @property
    def accounts(self) -> AccountStore: ...
    @property
    def fingerprints(self) -> FingerprintStore: ...


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
    with locked(folder, create=False) as handle:
        return Reader(folder.name, handle).keys()


def load_or_create(folder: Path) -> Keys:
    """Read the keys in ``folder``; make them first if it is empty or missing.

    Two processes that start at once end with the same keys. After a crash in the middle of
    the first start the next one makes what is still missing.

    Raises:
        ConfigurationError: Names of every file that is missing, damaged, or open to others.
    """
    with locked(folder, create=True) as handle:
        if UNFINISHED in names(handle) or not key_files(handle):
            create(handle)
        return Reader(folder.name, handle).keys()


class Kind(StrEnum):
    """The keys that can be rotated."""

    SIGNING = "signing"
    SEALING = "sealing"
    PEPPER = "pepper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """The key that was added."""

    name: str  # of its file
    kid: str | None = None  # of one that signs
    begins: datetime | None = None  # when it is used first; None: at once


def rotate(
    folder: Path, now: datetime, kind: Kind = Kind.SIGNING, *, at_once: bool = False
) -> Rotated:
    """Add a key that is used from ``PUBLISHED_BEFORE`` on; remove those that are over.

    Processes that run notice it within a second. A pepper is used at once, and none is removed:
    the passwords that were set with it need it.

    Args:
        folder: Of the keys.
        now: Aware UTC.
        kind: Of the new key.
        at_once: It is used now, and those before it are removed: one of them has leaked.

    Raises:
        ConfigurationError: As ``load_or_create``.
    """
    with locked(folder, create=False) as handle:
        keys = Reader(folder.name, handle).keys()
        name, content, rotated = _new(keys, now, kind, at_once=at_once)
        write(handle, name, content)
        for gone in _before(keys, kind) if at_once else over(keys, now):
            os.unlink(gone, dir_fd=handle)
        os.fsync(handle)
    return rotated


def _new(keys: Keys, now: datetime, kind: Kind, *, at_once: bool) -> tuple[str, bytes, Rotated]:
    if kind is Kind.PEPPER:
        name = pepper_name(max(keys.peppers) + 1)
        return name, _random(), Rotated(name=name)
    if kind is Kind.SEALING:
        sealing = new_sealing_key(keys.sealing, now, _random(), at_once=at_once)
        name = sealing_name(sealing.seals_from)
        return name, sealing.key.reveal(), Rotated(name=name, begins=sealing.seals_from)
    signing = new_signing_key(keys.signing, now, at_once=at_once)
    name = signing_name(signing.signs_from)
    content = signing.key.as_pem(private=True)
    return name, content, Rotated(name=name, kid=signing.kid, begins=signing.signs_from)


def _before(keys: Keys, kind: Kind) -> list[str]:
    if kind is Kind.SIGNING:
        return [signing_name(key.signs_from) for key in keys.signing]
    return [sealing_name(key.seals_from) for key in keys.sealing]


def _random() -> bytes:
    return OctKey.generate_key(KEY_BYTES * 8).raw_value


class KeyFolder:
    """Reads the keys of a folder whenever it has changed.

    No lock is needed: a file comes and goes whole. A file that is written over in place is not
    noticed, and neither ``rotate`` nor a backup that is put back does that.
    """

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._seen: tuple[int, ...] = ()
        self._problems: tuple[str, ...] = ()  # of the last look
        self._again = 0.0  # when one looks again where there were some, in monotonic seconds

    def news(self) -> Keys | None:
        """The keys, if they may have changed since the last call. 2 µs if they have not.

        Raises:
            ConfigurationError: As ``load_or_create``.
        """
        try:
            info = self._folder.stat()
        except OSError as error:
            raise ConfigurationError(
                f"{self._folder.name} cannot be used: {error.strerror}"
            ) from None
        seen = (info.st_dev, info.st_ino, info.st_mtime_ns)
        if seen == self._seen:
            return None
        settled = time.time_ns() - info.st_mtime_ns > _TICK_NS
        if self._problems and time.monotonic() < self._again:
            raise ConfigurationError(*self._problems)
        try:
            with opened(self._folder) as handle:
                keys = Reader(self._folder.name, handle).keys()
        except ConfigurationError as error:  # what is mended in place leaves the folder as it was
            self._problems, self._again = error.problems, time.monotonic() + _PAUSE_SECONDS
            raise
        self._seen, self._problems = (seen if settled else ()), ()
        return keys
