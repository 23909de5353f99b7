"""Refresh-token rotation with reuse detection.

A family is one sign-in on one client. Using a token spends it and issues its successor. If a spent
token comes back, either the answer was lost (it was spent a moment ago, and the successor is
unused): then the client gets the same successor again. Or it was stolen: then the family ends.

Sources: RFC 9700 section 4.14.2; OWASP ASVS 5.0 requirements 10.4.5 and 10.4.8; Ledger 10-12.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

from ringfence.core.errors import Refused

Verdict: TypeAlias = Literal[
    "rotate", "repeat", "refresh.expired", "refresh.revoked", "refresh.reused"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """One issued token as stored. All datetimes are aware UTC."""

    digest: bytes  # SHA-256 of the token; the token itself is never stored
    family: str
    signed_in_at: datetime  # copied unchanged to every successor
    issued_at: datetime
    family_revoked: bool = False
    spent_at: datetime | None = None
    successor_used: bool = False
    sealed_successor: bytes | None = None  # opened only by the spent token itself


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshLimits:
    """How long a token may live; reaching a limit exactly counts as over it."""

    idle: timedelta = timedelta(days=7)  # since this token was issued
    absolute: timedelta = timedelta(days=30)  # since sign-in
    grace: timedelta = timedelta(seconds=10)  # to repeat an answer that was lost


class RefreshStore(Protocol):
    """What rotation needs of a database; every adapter passes ``tests/contract``.

    ``succeed`` and ``revoke_family`` lock the family's row first, so that no successor can
    appear behind a revocation (Ledger 11). A revocation goes to the revocation feed as well.
    """

    async def find(self, digest: bytes) -> RefreshToken | None: ...
    async def revoke_family(self, family: str, now: datetime) -> None: ...
    async def succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> bool:
        """Spend ``old`` at ``new.issued_at``, add ``new``; False if spent or revoked by then."""
        ...


def verdict(token: RefreshToken, now: datetime, limits: RefreshLimits) -> Verdict:
    """Judge what a client that shows ``token`` at ``now`` gets. Order matters."""
    if token.family_revoked:
        return "refresh.revoked"
    if token.spent_at is not None:
        # Either way: a clock that is set back opens no window for as long as it lags.
        lost_answer = abs(now - token.spent_at) < limits.grace and not token.successor_used
        return "repeat" if lost_answer else "refresh.reused"
    deadline = min(token.issued_at + limits.idle, token.signed_in_at + limits.absolute)
    return "refresh.expired" if now >= deadline else "rotate"


async def rotate(
    store: RefreshStore,
    used: bytes,
    new: bytes,
    sealed: bytes,
    now: datetime,
    limits: RefreshLimits,
) -> bytes:
    """Exchange the token with digest ``used`` for the one with digest ``new``.

    Returns:
        The sealed successor: ``sealed``, or the one that an earlier, lost answer carried.

    Raises:
        Refused: ``refresh.unknown``, ``.expired``, ``.revoked`` or ``.reused``; before the
            last, the whole family is revoked.
    """
    token = await store.find(used)
    if token is None:
        raise Refused("refresh.unknown")
    judged = verdict(token, now, limits)
    if judged == "rotate":
        successor = RefreshToken(
            digest=new,
            family=token.family,
            signed_in_at=min(token.signed_in_at, now),  # a clock may have been ahead
            issued_at=now,
        )
        if await store.succeed(token, successor, sealed):
            return sealed
        return await rotate(store, used, new, sealed, now, limits)  # lost a race: judge afresh
    if judged == "repeat" and token.sealed_successor is not None:
        return token.sealed_successor
    if judged == "refresh.reused":
        await store.revoke_family(token.family, now)
    raise Refused(judged)
