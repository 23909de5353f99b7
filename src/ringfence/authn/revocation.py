"""Revocation that is checked on every request, from memory.

An access token lives 15 minutes, so only what was revoked in the last 15 minutes can concern a
token that is otherwise valid: the memory needed grows with the revocations of that window, not
with the sessions alive. Every adapter appends a ``Revocation`` in the transaction that revokes.

The feed is followed by number, never by time: a request may take a minute to revoke something, and
clocks differ between hosts, but numbers are given in the order of the commits.

Sources: ASVS 5.0 7.4.1, 7.4.2; Ledger 9; ATTACKS D01, Z06.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ringfence.core.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One entry of the feed: a session that ended, or an account's new versions."""

    number: int = field(compare=False)  # its place in the feed
    at: datetime | None = field(default=None, compare=False)  # when it was committed
    session: str | None = None
    account: str | None = None
    token_version: int = 0
    role_version: int = 0


class RevocationSource(Protocol):
    """Where the feed comes from; every adapter passes ``tests/contract``."""

    def changed(self) -> bool:
        """Whether ``read`` may have news, or the feed is older than a second. Never waits.

        It says so until a ``read`` that began afterwards has succeeded.
        """
        ...

    async def read(self, after: int) -> Sequence[Revocation]:
        """All that is committed by now with a higher number than ``after``, in their order.

        What is committed later has a higher number than all of it. Of a feed that has been
        restored from a backup, and has not come as far as ``after`` again, everything comes.

        Raises:
            StoreError: The store does not answer: the request is refused with 503.
        """
        ...


class Revocations:
    """What is revoked, as one worker knows it."""

    def __init__(self) -> None:
        self._sessions: dict[str, datetime] = {}  # each with the time when it was learned
        self._accounts: dict[str, tuple[datetime, Revocation]] = {}

    def __len__(self) -> int:
        """How many sessions and accounts are remembered."""
        return len(self._sessions) + len(self._accounts)

    def learn(self, news: Iterable[Revocation], now: datetime) -> None:
        """Take entries of the feed, in any order, at ``now``; twice is as good as once."""
        for entry in news:
            if entry.session is not None:
                self._sessions[entry.session] = now
            if entry.account is not None:
                known = self._accounts.get(entry.account)
                self._accounts[entry.account] = (
                    now,
                    entry if known is None else _newest(known[1], entry),
                )

    def forget(self, before: datetime) -> None:
        """Drop what was learned before ``before``: no token of then may be valid any more."""
        self._sessions = {key: at for key, at in self._sessions.items() if at >= before}
        self._accounts = {key: known for key, known in self._accounts.items() if known[0] >= before}

    def refuses(self, principal: Principal) -> bool:
        """Whether the token of ``principal`` was revoked after it was issued."""
        if principal.session in self._sessions:
            return True
        known = self._accounts.get(principal.subject)
        return known is not None and (
            principal.token_version < known[1].token_version
            or principal.role_version < known[1].role_version
        )


def _newest(one: Revocation, other: Revocation) -> Revocation:
    """What two entries about one account come to: each of its versions only ever rises."""
    return Revocation(
        number=max(one.number, other.number),
        account=one.account,
        token_version=max(one.token_version, other.token_version),
        role_version=max(one.role_version, other.role_version),
    )
