"""``RevocationSource`` keeps its promises on every adapter, and across worker processes."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ringfence.authn.revocation import Revocation
from ringfence.storage import Stores
from tests.contract.stores import NOW, SECOND, Rig, account, feed, opened, signed_in


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


async def test_the_feed_begins_where_it_is_asked_to(rig: Rig) -> None:
    long_ago = NOW - timedelta(hours=2)
    await rig.stores.accounts.sign_out_everywhere("id-alice", long_ago)
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW)
    assert [entry.at for entry in await feed(rig.stores, NOW)] == [NOW]
    assert [entry.at for entry in await feed(rig.stores, long_ago)] == [long_ago, NOW]


async def test_an_entry_that_is_committed_late_is_not_missed(rig: Rig) -> None:
    """Its time is the request's, which may have waited: the feed reaches back beyond ``since``."""
    await feed(rig.stores, NOW)
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW - 20 * SECOND)
    assert rig.stores.revocations.changed()
    assert [entry.at for entry in await feed(rig.stores, NOW)] == [NOW - 20 * SECOND]


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
    assert await feed(other) == [Revocation(at=NOW, session="laptop")]


async def test_purging_the_feed_hides_no_later_entry(rig: Rig) -> None:
    await signed_in(rig.stores)
    await rig.stores.sessions.revoke_family("laptop", NOW)
    await feed(rig.stores)
    assert await rig.stores.purge(NOW + timedelta(hours=2)) == 1
    await feed(rig.stores)
    await rig.stores.accounts.sign_out_everywhere("id-alice", NOW + timedelta(hours=2))
    assert rig.stores.revocations.changed()
    assert len(await feed(rig.stores)) == 1
