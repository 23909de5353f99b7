"""Rotation of refresh tokens, driven step by step (RFC 9700 section 4.14.2; Ledger 10-12)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ringfence.authn.accounts import Account
from ringfence.authn.refresh import RefreshLimits, RefreshToken, Verdict, rotate, verdict
from ringfence.authn.sessions import Session
from ringfence.core.errors import Refused
from ringfence.storage import Stores, open_stores
from tests.unit.authn.flows import NOON

LIMITS = RefreshLimits()
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
FRESH = RefreshToken(digest=b"\x01" * 32, family="f", signed_in_at=NOON, issued_at=NOON)
SPENT = replace(FRESH, spent_at=NOON + SECOND, sealed_successor=b"sealed")


def token(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.fixture
async def stores() -> Stores:
    """A session ``f`` of one account; its first token is number 1."""
    stores = open_stores("memory:")
    account = Account(id="a", login="a@example.com", login_verified_at=NOON, created_at=NOON)
    session = Session(id="f", account="a", signed_in_at=NOON, last_used_at=NOON)
    await stores.accounts.create(account)
    assert await stores.sessions.begin(session, replace(FRESH, digest=token(1)), 0) is not None
    return stores


async def use(stores: Stores, used: int, new: int, after: timedelta = SECOND) -> bytes:
    now = NOON + after
    return await rotate(stores.sessions, token(used), token(new), b"%d" % new, now, LIMITS)


@pytest.mark.parametrize(
    ("stored", "after", "expected"),
    [
        (FRESH, timedelta(), "rotate"),
        (FRESH, timedelta(days=7) - MICROSECOND, "rotate"),
        (FRESH, timedelta(days=7), "refresh.expired"),
        (
            replace(FRESH, issued_at=NOON + timedelta(days=29)),
            timedelta(days=30),
            "refresh.expired",
        ),
        (
            replace(FRESH, issued_at=NOON + timedelta(days=29)),
            timedelta(days=30) - MICROSECOND,
            "rotate",
        ),
        (SPENT, 11 * SECOND - MICROSECOND, "repeat"),
        (SPENT, 11 * SECOND, "refresh.reused"),
        (SPENT, SECOND - 10 * SECOND + MICROSECOND, "repeat"),  # a clock that is a little behind
        (SPENT, SECOND - 10 * SECOND, "refresh.reused"),  # one that was set back opens no window
        (replace(SPENT, successor_used=True), 2 * SECOND, "refresh.reused"),
        (replace(FRESH, family_revoked=True), SECOND, "refresh.revoked"),
        (replace(SPENT, family_revoked=True), 11 * SECOND, "refresh.revoked"),
    ],
)
def test_every_edge_is_judged(stored: RefreshToken, after: timedelta, expected: Verdict) -> None:
    assert verdict(stored, NOON + after, LIMITS) == expected


async def test_a_lost_answer_is_repeated_with_the_same_successor(stores: Stores) -> None:
    """Ledger 12."""
    assert await use(stores, 1, 2) == b"2"
    assert await use(stores, 1, 3, 10 * SECOND) == b"2", "the same, not another line"
    assert await use(stores, 2, 4, 11 * SECOND) == b"4", "and it works"


async def test_a_replay_after_the_grace_revokes_the_family(stores: Stores) -> None:
    """Ledger 12; ATTACKS U07."""
    await use(stores, 1, 2)
    with pytest.raises(Refused, match="refresh.reused"):
        await use(stores, 1, 3, 11 * SECOND)
    with pytest.raises(Refused, match="refresh.revoked"):
        await use(stores, 2, 4, 12 * SECOND)


async def test_a_replay_after_the_successor_was_used_revokes_the_family(stores: Stores) -> None:
    """Within the grace too: who holds the successor has had the answer."""
    await use(stores, 1, 2)
    await use(stores, 2, 3, 2 * SECOND)
    with pytest.raises(Refused, match="refresh.reused"):
        await use(stores, 1, 4, 3 * SECOND)
    with pytest.raises(Refused, match="refresh.revoked"):
        await use(stores, 3, 5, 4 * SECOND)


async def test_reuse_ends_that_session_only(stores: Stores) -> None:
    """Ledger 12."""
    other = Session(id="g", account="a", signed_in_at=NOON, last_used_at=NOON)
    first = RefreshToken(digest=token(100), family="g", signed_in_at=NOON, issued_at=NOON)
    assert await stores.sessions.begin(other, first, 0) is not None
    await use(stores, 1, 2)
    with pytest.raises(Refused, match="refresh.reused"):
        await use(stores, 1, 3, 11 * SECOND)
    assert await use(stores, 100, 101, 12 * SECOND) == b"101"


async def test_50_parallel_refreshes_give_one_lineage(stores: Stores) -> None:
    """Ledger 10."""
    answers = await asyncio.gather(*(use(stores, 1, new) for new in range(2, 52)))
    assert len(set(answers)) == 1


class Paused:
    """A session store that lets somebody in just before a rotation writes (Ledger 11)."""

    def __init__(self, stores: Stores, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._store = stores.sessions
        self._meanwhile: Callable[[], Awaitable[object]] | None = meanwhile

    async def find(self, digest: bytes) -> RefreshToken | None:
        return await self._store.find(digest)

    async def revoke_family(self, family: str, now: object) -> None:
        await self._store.revoke_family(family, NOON)

    async def succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> bool:
        if self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
        return await self._store.succeed(old, new, sealed)


async def test_a_successor_does_not_appear_behind_a_revocation(stores: Stores) -> None:
    """Ledger 11: the rotation is paused between judging and writing, the family is revoked."""
    paused = Paused(stores, lambda: stores.sessions.revoke_family("f", NOON))
    with pytest.raises(Refused, match="refresh.revoked"):
        await rotate(paused, token(1), token(2), b"2", NOON + SECOND, LIMITS)
    assert await stores.sessions.find(token(2)) is None


async def test_the_loser_of_a_race_gets_the_winners_successor(stores: Stores) -> None:
    """Ledger 10, interleaved by hand."""
    paused = Paused(stores, lambda: use(stores, 1, 9))
    now = NOON + SECOND
    assert await rotate(paused, token(1), token(2), b"2", now, LIMITS) == b"9"
    assert await stores.sessions.find(token(2)) is None


async def test_a_token_that_was_never_issued_is_unknown(stores: Stores) -> None:
    with pytest.raises(Refused, match="refresh.unknown"):
        await use(stores, 77, 78)


async def test_nothing_lives_longer_than_30_days_however_often_it_is_renewed(
    stores: Stores,
) -> None:
    """MUSTS S03: the time of the sign-in is handed on unchanged."""
    for day in range(1, 30):
        await use(stores, day, day + 1, timedelta(days=day))
    with pytest.raises(Refused, match="refresh.expired"):
        await use(stores, 30, 31, timedelta(days=30))
