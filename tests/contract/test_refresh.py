"""``RefreshStore`` keeps its promises on every adapter: one lineage, and no child of the dead."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ringfence.authn.refresh import RefreshLimits, RefreshStore, RefreshToken, rotate
from ringfence.core.errors import Refused
from tests.contract.stores import NOW, SECOND, Rig, account, digest, feed, revoked, signed_in, token

LIMITS = RefreshLimits()


@pytest.fixture
async def first(rig: Rig) -> RefreshToken:
    assert await rig.stores.accounts.create(account())
    return await signed_in(rig.stores)


class PausedStore:
    """A store whose ``succeed`` waits, once it is asked, until the test lets it go on."""

    def __init__(self, inner: RefreshStore) -> None:
        self._inner = inner
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def find(self, digest: bytes) -> RefreshToken | None:
        return await self._inner.find(digest)

    async def revoke_family(self, family: str, now: datetime) -> None:
        await self._inner.revoke_family(family, now)

    async def succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> bool:
        self.asked.set()
        await self.go_on.wait()
        return await self._inner.succeed(old, new, sealed)


async def test_a_first_token_is_found_as_it_was_issued(rig: Rig, first: RefreshToken) -> None:
    assert await rig.stores.sessions.find(first.digest) == first


async def test_an_unknown_token_is_not_found(rig: Rig, first: RefreshToken) -> None:
    assert await rig.stores.sessions.find(digest("never issued")) is None


async def test_a_spent_token_remembers_its_sealed_successor(rig: Rig, first: RefreshToken) -> None:
    second = token("t1", at=NOW + SECOND)
    assert await rig.stores.sessions.succeed(first, second, b"sealed")
    spent = await rig.stores.sessions.find(first.digest)
    assert spent == replace(first, spent_at=NOW + SECOND, sealed_successor=b"sealed")
    assert await rig.stores.sessions.find(second.digest) == second


async def test_a_successor_counts_as_used_once_it_is_spent(rig: Rig, first: RefreshToken) -> None:
    second, third = token("t1", at=NOW + SECOND), token("t2", at=NOW + 2 * SECOND)
    assert await rig.stores.sessions.succeed(first, second, b"one")
    assert await rig.stores.sessions.succeed(second, third, b"two")
    oldest = await rig.stores.sessions.find(first.digest)
    middle = await rig.stores.sessions.find(second.digest)
    assert oldest is not None
    assert oldest.successor_used
    assert middle is not None
    assert not middle.successor_used


async def test_a_token_is_spent_once(rig: Rig, first: RefreshToken) -> None:
    assert await rig.stores.sessions.succeed(first, token("t1", at=NOW + SECOND), b"one")
    assert not await rig.stores.sessions.succeed(first, token("t2", at=NOW + SECOND), b"two")
    assert await rig.stores.sessions.find(digest("t2")) is None


async def test_an_unknown_token_is_not_spent(rig: Rig, first: RefreshToken) -> None:
    unknown = token("never issued")
    assert not await rig.stores.sessions.succeed(unknown, token("t1"), b"sealed")
    assert await rig.stores.sessions.find(digest("t1")) is None


async def test_fifty_parallel_rotations_give_one_lineage(rig: Rig, first: RefreshToken) -> None:
    """Ledger 10."""
    rivals = [token(f"rival {number}", at=NOW + SECOND) for number in range(50)]
    won = await asyncio.gather(
        *(rig.stores.sessions.succeed(first, rival, rival.digest) for rival in rivals)
    )
    assert sum(won) == 1
    children = [await rig.stores.sessions.find(rival.digest) for rival in rivals]
    assert [child is not None for child in children] == won
    spent = await rig.stores.sessions.find(first.digest)
    assert spent is not None
    assert spent.sealed_successor == rivals[won.index(True)].digest


async def test_fifty_parallel_clients_get_the_same_successor(rig: Rig, first: RefreshToken) -> None:
    """Ledger 10, 12: those that lost the race are lost answers, and get the winner's."""
    sessions = rig.stores.sessions
    answers = await asyncio.gather(
        *(
            rotate(sessions, first.digest, digest(f"r{n}"), digest(f"r{n}"), NOW + SECOND, LIMITS)
            for n in range(50)
        )
    )
    assert len(set(answers)) == 1
    assert await sessions.find(answers[0]) is not None


async def test_replay_between_check_and_rotation_leaves_no_living_child(
    rig: Rig, first: RefreshToken
) -> None:
    """Ledger 11: pause a rotation, replay the older token, resume: the child must be dead."""
    second = token("t1", at=NOW + SECOND)
    assert await rig.stores.sessions.succeed(first, second, b"sealed")
    later = NOW + timedelta(minutes=1)
    paused = PausedStore(rig.stores.sessions)
    rotation = asyncio.create_task(
        rotate(paused, second.digest, digest("child"), b"sealed", later, LIMITS)
    )
    await paused.asked.wait()
    with pytest.raises(Refused, match="refresh.reused"):
        await rotate(rig.stores.sessions, first.digest, digest("thief"), b"sealed", later, LIMITS)
    paused.go_on.set()
    with pytest.raises(Refused, match="refresh.revoked"):
        await rotation
    assert await rig.stores.sessions.find(digest("child")) is None
    assert await rig.stores.sessions.find(digest("thief")) is None


async def test_rotations_and_a_revocation_at_once_end_dead(rig: Rig, first: RefreshToken) -> None:
    """Ledger 11, uncontrolled: whoever comes first, nothing of the family lives afterwards."""
    sessions = rig.stores.sessions
    rivals = [token(f"rival {number}", at=NOW + SECOND) for number in range(20)]
    await asyncio.gather(
        *(sessions.succeed(first, rival, b"sealed") for rival in rivals[:10]),
        sessions.revoke_family(first.family, NOW),
        *(sessions.succeed(first, rival, b"sealed") for rival in rivals[10:]),
    )
    found = [await sessions.find(rival.digest) for rival in (first, *rivals)]
    assert all(one.family_revoked for one in found if one is not None)
    assert not await sessions.succeed(first, token("too late"), b"sealed")


async def test_a_revoked_family_says_so_everywhere_and_once(rig: Rig, first: RefreshToken) -> None:
    await asyncio.gather(
        *(rig.stores.sessions.revoke_family(first.family, NOW + SECOND) for _ in range(10))
    )
    assert rig.stores.revocations.changed()
    assert await feed(rig.stores) == [revoked(session="laptop")]
    assert await rig.stores.sessions.get("laptop") is None


async def test_revoking_what_is_not_there_changes_nothing(rig: Rig, first: RefreshToken) -> None:
    await rig.stores.sessions.revoke_family("nobody's", NOW)
    assert await feed(rig.stores) == []
