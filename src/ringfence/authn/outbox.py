"""What is to be mailed, kept with the accounts until the mail has left.

An errand says whom a mail is for and why, and no more: what the mail will say is found out when it
is sent. So no link stands in the database in clear or sealed; whether there is an account is found
out after the answer, however often the mail is tried (Ledger 24); and a link's time runs from when
it was sent. Of one kind and login there is one errand: asking again takes its place, but it waits
since the first time. Of two different things that were changed, one letter tells. What has failed
for good stays for an operator to see, and is never due.

What was changed and whom to tell of it is committed at once, so that neither is without the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol, TypeAlias

#: Asked for an account; forgot a password; has a new password.
Kind: TypeAlias = Literal["sign-up", "reset", "changed"]

#: The name of an errand that tells of more than one thing that was changed.
SEVERAL: Final = "several"

#: Errands that strangers may leave; beyond it they are refused.
MOST: Final = 10_000

#: Of these, what sign-ups leave free: people who have an account get a link all the same.
_RESERVE: Final = 2_000

#: When an errand is due that has failed for good.
NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)

#: How long whoever took an errand has it alone. SMTP takes a minute at the very most.
LEASE: Final = timedelta(minutes=5)

#: How long a mail is tried: as long as most relays do (RFC 5321 section 4.5.4.1: 4 to 5 days).
KEPT: Final = timedelta(days=4)

_FIRST_WAIT: Final = timedelta(seconds=10)
_LONGEST_WAIT: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One mail to come. All datetimes are aware UTC."""

    id: str
    kind: Kind
    login: str  # whom it is for, normalised
    site: str  # under which address links lead back
    name: str = ""  # what a sign-up asked for; of other kinds, which letter of several
    request_id: str = ""
    created_at: datetime
    due_at: datetime  # when it is tried, or tried again
    attempts: int = 0  # how often it was taken or asked for again; whoever takes it knows by it

    @property
    def failed(self) -> bool:
        """Whether it is tried no more."""
        return self.due_at >= NEVER


#: Makes the errand to a login, where the login is found out on the way.
Telling: TypeAlias = Callable[[str], Errand]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits; what has failed does not."""

    count: int = 0
    oldest: datetime | None = None  # when it was asked for


class OutboxStore(Protocol):
    """What the outbox needs of a database; every adapter passes ``tests/contract``."""

    async def put(self, errand: Errand, most: int = MOST) -> bool:
        """Add an errand, in place of one of its kind and login; False if ``most`` wait already.

        One that waits goes on to wait since when it did.
        """
        ...

    async def take(self, now: datetime, limit: int) -> Sequence[Errand]:
        """Take errands that are due, the oldest first: nobody else gets them for a ``LEASE``.

        One that is due far in the future was written by a clock that was ahead: it is due now.
        """
        ...

    async def done(self, errand: Errand) -> None:
        """Remove an errand, unless it was taken by another, or asked for again, since."""
        ...

    async def postpone(self, errand: Errand, due_at: datetime) -> None:
        """Let it be tried at ``due_at``, or ``NEVER``; on the same condition."""
        ...

    async def backlog(self) -> Backlog:
        """How many wait, and since when."""
        ...

    async def list(self, *, after: str = "", limit: int = 50) -> Sequence[Errand]:
        """A page of errands by id."""
        ...

    async def retry(self, errand_id: str, now: datetime) -> bool:
        """Make an errand due; False if there is none with this id."""
        ...

    async def drop(self, errand_id: str) -> bool:
        """Remove an errand unsent; False as above."""
        ...


def most(kind: Kind) -> int:
    """How many may wait already where one of this kind is added."""
    return MOST - _RESERVE if kind == "sign-up" else MOST


def wait(attempts: int) -> timedelta:
    """How long to wait after this many attempts: twice as long each time."""
    return min(_FIRST_WAIT * 2 ** min(attempts - 1, 20), _LONGEST_WAIT)
