"""Maintenance comes every minute, survives a store that fails, and ends when it is told to."""

import asyncio
from datetime import UTC, datetime

import pytest

from ringfence.core.errors import StoreError
from ringfence.storage.maintenance import Maintenance


class Minutes:
    """Time that passes when the test lets it."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._over = asyncio.Queue[None]()
        self._waiting = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._waiting.set()
        await self._over.get()

    async def pass_one(self) -> None:
        """Let a minute pass, and wait until the next one is waited for."""
        self._waiting.clear()
        self._over.put_nowait(None)
        await self._waiting.wait()


async def test_it_purges_every_minute_and_not_before() -> None:
    minutes, purged = Minutes(), list[datetime]()

    async def purge(now: datetime) -> int:
        purged.append(now)
        return 0

    maintenance = Maintenance(purge, sleep=minutes.sleep)
    maintenance.start()
    maintenance.start()
    await asyncio.sleep(0)
    assert purged == []
    await minutes.pass_one()
    await minutes.pass_one()
    await maintenance.stop()
    assert len(purged) == 2
    assert all(now.tzinfo is UTC for now in purged)
    assert minutes.asked == [60, 60, 60]


async def test_a_store_that_fails_is_asked_again() -> None:
    minutes, asked = Minutes(), 0

    async def purge(_now: datetime) -> int:
        nonlocal asked
        asked += 1
        raise StoreError("test", "away")

    maintenance = Maintenance(purge, sleep=minutes.sleep)
    maintenance.start()
    await asyncio.sleep(0)
    await minutes.pass_one()
    await minutes.pass_one()
    await maintenance.stop()
    assert asked == 2


async def test_stopping_what_never_started_is_fine() -> None:
    async def purge(_now: datetime) -> int:
        pytest.fail("it was not started")

    await Maintenance(purge).stop()
