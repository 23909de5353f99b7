"""Readiness is what a store does, not what it says; and asking costs one write a second."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ringfence.authn.counters import Change, Counter, T
from ringfence.core.errors import StoreError
from ringfence.storage.readiness import Readiness
from tests.unit.authn.flows import NOON


class Disk:
    """Counters on a disk that may be full."""

    def __init__(self) -> None:
        self.full = False
        self.readable = True
        self.writes = 0

    async def read(self) -> None:
        if not self.readable:
            raise StoreError("disk", "gone")

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        self.writes += 1
        await asyncio.sleep(0)
        if self.full:
            raise StoreError("disk", "full")
        found: list[Counter | None] = [None] * len(keys)
        return change(found)[1]


class Clock:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def disk() -> Disk:
    return Disk()


def readiness(disk: Disk, clock: Clock) -> Readiness:
    counters: Any = disk  # all of a ``CounterStore`` that is asked for
    return Readiness(disk.read, counters, lambda: NOON, monotonic=clock)


async def test_a_full_disk_is_not_ready_although_it_reads(disk: Disk) -> None:
    disk.full = True
    with pytest.raises(StoreError):
        await readiness(disk, Clock()).ping()


async def test_a_disk_that_is_not_read_is_not_ready_although_it_was_written(disk: Disk) -> None:
    ready = readiness(disk, Clock())
    await ready.ping()
    disk.readable = False
    with pytest.raises(StoreError):
        await ready.ping()


async def test_a_hundred_who_ask_at_once_cost_one_write(disk: Disk) -> None:
    ready = readiness(disk, Clock())
    await asyncio.gather(*(ready.ping() for _ in range(100)))
    assert disk.writes == 1


async def test_a_write_is_trusted_for_a_second_and_no_longer(disk: Disk) -> None:
    clock = Clock()
    ready = readiness(disk, clock)
    await ready.ping()
    disk.full = True
    clock.time = 0.999
    await ready.ping()
    clock.time = 1.0
    with pytest.raises(StoreError):
        await ready.ping()


async def test_a_failure_is_not_remembered(disk: Disk) -> None:
    ready = readiness(disk, Clock())
    disk.full = True
    with pytest.raises(StoreError):
        await ready.ping()
    disk.full = False
    await ready.ping()
