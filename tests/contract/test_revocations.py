"""``RevocationSource`` keeps its promises on every adapter, and across worker processes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ringfence.authn.revocation import Revocation
from ringfence.storage import Stores
from tests.contract.stores import NOW, Rig, account, feed, opened, revoked, signed_in


@pytest.fixture(autouse=True)
async def _alice(rig: Rig) -> None:
    await rig.stores.accounts.create(account())


@pytest.fixture
async def other(rig: Rig) -> AsyncIterator[Stores]:
    """Another worker on the same database; memory has none."""
    if rig.kind == "memory":
        pytest.skip("memory is one process")
    async with opened(rig.url) as stores:
        yield stores


def surely_changed(rig: Rig) -> bool:
    """``changed``, but for PostgreSQL, which may always say so: time passes, listeners come."""
    return rig.kind != "postgres" and rig.stores.revocations.changed()


async def test_an_empty_feed_has_no_news_once_it_is_read(rig: Rig) -> None:
    assert await feed(rig.stores) == []
    assert not surely_changed(rig)


async def test_the_feed_is_followed_by_number_in_the_order_of_the_commits(rig: Rig) -> None:
    await signed_in(rig.stores)
    await rig.stores.sessions.revoke_family("laptop", NOW)
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW)
    first, second = await feed(rig.stores)
    assert [first, second] == [revoked("laptop"), revoked(account="id-alice", tv=1)]
    assert first.number < second.number
    assert await feed(rig.stores, first.number) == [second]
    assert await feed(rig.stores, second.number) == []


async def test_a_request_that_took_a_minute_hides_no_revocation(rig: Rig) -> None:
    """Its time is its head's: a reset with a slow body was invisible to other workers."""
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW)
    (known,) = await feed(rig.stores)
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW - timedelta(hours=2))
    assert rig.stores.revocations.changed()
    assert await feed(rig.stores, known.number) == [revoked(account="id-alice", tv=2)]


async def test_a_revocation_is_kept_from_its_commit_on_however_old_its_request_is(rig: Rig) -> None:
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW - timedelta(hours=2))
    await rig.stores.purge(NOW + timedelta(hours=1))
    assert await feed(rig.stores) == [revoked(account="id-alice", tv=1)]


async def test_many_revocations_at_once_are_each_read_once_and_in_order(rig: Rig) -> None:
    """Whoever follows while they are committed misses none."""
    ends = asyncio.gather(
        *(rig.stores.accounts.sign_out_everywhere("id-alice", NOW) for _ in range(300))
    )
    read: list[Revocation] = []
    while not ends.done() or rig.stores.revocations.changed():
        read += await feed(rig.stores, read[-1].number if read else 0)
        await asyncio.sleep(0)
        if len(read) == 300:
            break
    await ends
    assert [entry.token_version for entry in read] == list(range(1, 301))


async def test_of_a_feed_that_begins_again_everything_is_read(rig: Rig) -> None:
    """A database that was restored from a backup has not come as far yet."""
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW)
    assert await feed(rig.stores, 10**12) == (
        [] if rig.kind == "memory" else [revoked(account="id-alice", tv=1)]
    )


async def test_writes_that_revoke_nothing_are_no_news(rig: Rig) -> None:
    await feed(rig.stores)
    await signed_in(rig.stores)
    assert not surely_changed(rig)


async def test_news_stay_news_until_they_are_read(rig: Rig) -> None:
    await feed(rig.stores)
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW)
    assert rig.stores.revocations.changed()
    assert rig.stores.revocations.changed()
    await feed(rig.stores)
    assert not surely_changed(rig)


async def test_a_revocation_reaches_the_other_workers_of_a_host(rig: Rig, other: Stores) -> None:
    await feed(other)
    await signed_in(rig.stores)
    await rig.stores.sessions.revoke_family("laptop", NOW)
    if rig.kind == "sqlite":
        assert other.revocations.changed()  # without delay: the very next request knows
    assert await feed(other) == [revoked(session="laptop")]


async def test_purging_the_feed_hides_no_later_entry(rig: Rig) -> None:
    await signed_in(rig.stores)
    await rig.stores.sessions.revoke_family("laptop", NOW)
    (known,) = await feed(rig.stores)
    assert await rig.stores.purge(NOW + timedelta(hours=2)) == 1
    await feed(rig.stores)
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW)
    assert rig.stores.revocations.changed()
    assert await feed(rig.stores, known.number) == [revoked(account="id-alice", tv=1)]
