"""Revocation that is checked on every request, from memory.

An access token lives 15 minutes, so only what was revoked in the last 15 minutes can concern a
token that is otherwise valid: the memory needed grows with the revocations of that window, not
with the sessions alive. Every adapter appends a ``Revocation`` in the transaction that revokes.

Sources: ASVS 5.0 7.4.1, 7.4.2; Ledger 9; ATTACKS D01, Z06.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ringfence.core.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One entry of the feed: a session that ended, or an account's new versions."""

    at: datetime
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

    async def read(self, since: datetime) -> Iterable[Revocation]:
        """All that was revoked from ``since`` on and is committed by now.

        Where a revocation is committed later than its ``at`` says, or by a host whose clock is
        behind, the source reaches back further by itself. Some may come again.

        Raises:
            StoreError: The store does not answer: the request is refused with 503.
        """
        ...


class Revocations:
    """What is revoked, as one worker knows it."""

    def __init__(self) -> None:
        self._sessions: dict[str, datetime] = {}
        self._accounts: dict[str, Revocation] = {}

    def __len__(self) -> int:
        """How many sessions and accounts are remembered."""
        return len(self._sessions) + len(self._accounts)

    def learn(self, news: Iterable[Revocation]) -> None:
        """Take entries of the feed, in any order; taking one twice changes nothing."""
        for entry in news:
            if entry.session is not None:
                self._sessions[entry.session] = max(
                    entry.at, self._sessions.get(entry.session, entry.at)
                )
            if entry.account is not None:
                known = self._accounts.get(entry.account)
                self._accounts[entry.account] = entry if known is None else _newest(known, entry)

    def forget(self, before: datetime) -> None:
        """Drop what was revoked before ``before``: no token of then may be valid any more."""
        self._sessions = {key: at for key, at in self._sessions.items() if at >= before}
        self._accounts = {key: e for key, e in self._accounts.items() if e.at >= before}

    def refuses(self, principal: Principal) -> bool:
        """Whether the token of ``principal`` was revoked after it was issued."""
        if principal.session in self._sessions:
            return True
        known = self._accounts.get(principal.subject)
        return known is not None and (
            principal.token_version < known.token_version
            or principal.role_version < known.role_version
        )


def _newest(one: Revocation, other: Revocation) -> Revocation:
    """What two entries about one account come to: each of its versions only ever rises."""
    return Revocation(
        at=max(one.at, other.at),
        account=one.account,
        token_version=max(one.token_version, other.token_version),
        role_version=max(one.role_version, other.role_version),
    )
