"""The keys in force, in a process that goes on while they are rotated.

Other processes of the same site read the same folder, each in its own time. So nobody is refused by
one that is behind: a key that has a date is there minutes before it is used, and where a token or a
password names a key that is not known yet, the folder is looked at again first.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeAlias

from ringfence.authn.keys import Keys, SealingKey, SigningKey, fingerprints, mismatches
from ringfence.core.errors import ConfigurationError
from ringfence.core.secret import Secret

#: The keys, if they may have changed since this was called last.
News: TypeAlias = Callable[[], Keys | None]


def no_news() -> None:
    """Nothing has changed."""


class KeyRing:
    """The keys in force. It has what ``Keys`` has, as it is now.

    Args:
        keys: Those to begin with.
        news: Reads them again. Raises ConfigurationError.
    """

    def __init__(self, keys: Keys, news: News = no_news) -> None:
        self.keys = keys
        self.peppers: Final[Mapping[int, Secret[bytes]]] = _Peppers(self)
        self.taken: Final[list[Callable[[Keys], None]]] = []  # called with keys that have changed
        self._news: Final = news

    @property
    def signing(self) -> tuple[SigningKey, ...]:
        """See ``Keys``."""
        return self.keys.signing

    @property
    def sealing(self) -> tuple[SealingKey, ...]:
        """See ``Keys``."""
        return self.keys.sealing

    @property
    def salt(self) -> Secret[bytes]:
        """See ``Keys``; it never changes."""
        return self.keys.salt

    @property
    def log(self) -> Secret[bytes]:
        """See ``Keys``; it never changes."""
        return self.keys.log

    def signer(self, now: datetime) -> SigningKey:
        """See ``Keys``."""
        return self.keys.signer(now)

    def sealer(self, now: datetime) -> Secret[bytes]:
        """See ``Keys``."""
        return self.keys.sealer(now)

    def look(self) -> bool:
        """Take what has come or gone; whether anything has.

        Raises:
            ConfigurationError: What is there cannot take the place of the keys in force, which
                stay: names of those that are missing, damaged or another one.
        """
        found = self._news()
        if found is None:
            return False
        before = fingerprints(self.keys)
        if problems := [*mismatches(found, before)]:
            raise ConfigurationError(*problems)
        if fingerprints(found) == before:
            return False
        self.keys = found
        for take in self.taken:
            take(found)
        return True

    def met_unknown(self) -> None:
        """A key was named that is not known: look, and leave it to others to say what is wrong."""
        with suppress(ConfigurationError):
            self.look()


class _Peppers(Mapping[int, Secret[bytes]]):
    """The peppers by version, as they are now."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring: Final = ring

    def __getitem__(self, version: int) -> Secret[bytes]:
        if version not in self._ring.keys.peppers:
            self._ring.met_unknown()
        return self._ring.keys.peppers[version]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ring.keys.peppers)

    def __len__(self) -> int:
        return len(self._ring.keys.peppers)
