"""How clients derive keys at present: the parameters, a raise of them, and a time of imports.

While the cost is raised every login is given both sets of parameters, and whoever signs in moves to
the new one: nothing tells whose password is how old. A process may learn of a raise a moment after
another one, so nobody is moved until each knows of it (``settled``): else one process would move an
account, and the next would ask its owner for the old key alone.

Sources: DESIGN section 6; NIST SP 800-63B-4 3.1.1.2; MUSTS P14, P15.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from ringfence.authn.verifier import ARGON2ID, Argon2Parameters

#: How old what a process knows may be.
KNOWN_FOR: Final = timedelta(seconds=5)

#: When each process knows of a raise: clocks differ, too.
SETTLED_AFTER: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """What holds for every login of the installation."""

    current: Argon2Parameters = ARGON2ID
    next: Argon2Parameters | None = None  # while the cost is raised
    raised_at: datetime | None = None  # when that began
    password_retry: bool = False  # passwords from elsewhere are being imported
    settled: bool = False  # each process knows of the raise

    @property
    def makes(self) -> Argon2Parameters:
        """What new passwords are derived with."""
        return self.next if self.next is not None and self.settled else self.current

    @property
    def accepted(self) -> tuple[Argon2Parameters, ...]:
        """What passwords that are stored may have been derived with."""
        return (self.current,) if self.next is None else (self.current, self.next)

    def moves(self, kdf: str) -> bool:
        """Whether a password that was derived so is stored anew once it is proven."""
        return self.next is not None and self.settled and kdf == str(self.current)


def settled(raised_at: datetime | None, now: datetime) -> bool:
    """Whether each process knows by now. A time in the future counts as now."""
    return raised_at is not None and raised_at + SETTLED_AFTER <= now


class DerivationStore(Protocol):
    """Where that is kept; every adapter passes ``tests/contract``."""

    async def get(self) -> Derivation:
        """What holds: no older than ``KNOWN_FOR``, and read without the database in between."""
        ...

    async def put(self, derivation: Derivation) -> None:
        """Have this hold from now on. On PostgreSQL the owner of the tables does it."""
        ...

    async def peppers(self) -> Mapping[int, int]:
        """How many passwords there are by version of the pepper."""
        ...

    async def passwords(self) -> Mapping[str, int]:
        """How many passwords were derived with which parameters, ``str`` of them."""
        ...
