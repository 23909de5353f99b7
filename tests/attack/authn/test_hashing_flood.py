"""A flood of slow sign-ins takes nothing else down."""

import asyncio
import threading
from datetime import timedelta

import pytest

from ringfence.authn.hashing import HashingLimits
from ringfence.core.errors import Refused
from ringfence.service.hashing import HashingPool

SOON = timedelta(milliseconds=50)
LATE = timedelta(seconds=30)


class Slow:
    """Jobs that last until they are let go; counts how many run at once."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.release.wait(30)
        with self._lock:
            self.running -= 1
        return "done"


def pool(patience: timedelta = LATE, places: int = 16) -> HashingPool:
    return HashingPool(HashingLimits(workers=3, reserved=1, places=places, patience=patience))


async def until(slow: Slow, running: int) -> None:
    """Wait until so many jobs run."""
    async with asyncio.timeout(10):
        while slow.running != running:  # noqa: ASYNC110  # a thread changes it, not a task
            await asyncio.sleep(0.001)


async def test_a_flood_of_sign_ins_does_not_stop_a_reset() -> None:
    """DESIGN section 6: workers are reserved for whoever has proven something."""
    hashing, slow = pool(), Slow()
    flood = [asyncio.create_task(hashing.run(slow, reserved=False)) for _ in range(100)]
    await until(slow, 2)
    async with asyncio.timeout(10):
        assert await hashing.run(lambda: "reset", reserved=True) == "reset"
    slow.release.set()
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert results.count("done") == 2 + 16
    hashing.close()


async def test_a_flood_that_is_not_told_apart_does() -> None:
    """The pair: where every job counts as reserved, the next one waits."""
    hashing, slow = pool(patience=SOON), Slow()
    flood = [asyncio.create_task(hashing.run(slow, reserved=True)) for _ in range(3)]
    await until(slow, 3)
    with pytest.raises(Refused, match="hashing.busy"):
        await hashing.run(lambda: "reset", reserved=True)
    slow.release.set()
    await asyncio.gather(*flood)
    hashing.close()


async def test_no_more_hash_at_once_than_there_are_workers() -> None:
    """The memory is bounded: workers times the memory of one hash."""
    hashing, slow = pool(), Slow()
    kinds = [n % 2 == 0 for n in range(20)]
    jobs = [asyncio.create_task(hashing.run(slow, reserved=kind)) for kind in kinds]
    await until(slow, 3)
    slow.release.set()
    assert await asyncio.gather(*jobs) == ["done"] * 20
    assert slow.most == 3
    hashing.close()


async def test_who_finds_no_place_is_told_at_once_when_to_come_back() -> None:
    hashing, slow = pool(places=0), Slow()
    jobs = [asyncio.create_task(hashing.run(slow, reserved=False)) for _ in range(2)]
    await until(slow, 2)
    with pytest.raises(Refused) as refused:
        await hashing.run(slow, reserved=False)
    assert refused.value.code.name == "hashing.busy"
    assert refused.value.code.status == 503
    assert refused.value.retry_after == LATE
    slow.release.set()
    await asyncio.gather(*jobs)
    hashing.close()


async def test_who_waits_too_long_is_refused_and_leaves_no_trace() -> None:
    hashing, slow = pool(patience=SOON), Slow()
    jobs = [asyncio.create_task(hashing.run(slow, reserved=False)) for _ in range(2)]
    await until(slow, 2)
    with pytest.raises(Refused, match="hashing.busy"):
        await hashing.run(slow, reserved=False)
    slow.release.set()
    await asyncio.gather(*jobs)
    for _ in range(5):
        assert await hashing.run(lambda: "free again", reserved=False) == "free again"
    hashing.close()


async def test_a_caller_that_goes_away_keeps_its_worker_until_the_thread_is_done() -> None:
    """Otherwise clients that hang up would let the memory grow."""
    hashing, slow = pool(patience=SOON), Slow()
    jobs = [asyncio.create_task(hashing.run(slow, reserved=False)) for _ in range(2)]
    await until(slow, 2)
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    with pytest.raises(Refused, match="hashing.busy"):
        await hashing.run(slow, reserved=False)
    slow.release.set()
    await until(slow, 0)
    assert await hashing.run(lambda: "free again", reserved=False) == "free again"
    hashing.close()


async def test_a_caller_that_goes_away_while_it_waits_gives_its_place_up() -> None:
    hashing, slow = pool(places=1), Slow()
    jobs = [asyncio.create_task(hashing.run(slow, reserved=False)) for _ in range(2)]
    await until(slow, 2)
    for _ in range(3):
        waiting = asyncio.create_task(hashing.run(slow, reserved=False))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    slow.release.set()
    await asyncio.gather(*jobs)
    hashing.close()


async def test_a_worker_is_lost_neither_to_who_leaves_nor_to_who_is_called_up_too_late() -> None:
    """The caller is cancelled in the very turn of the loop in which a worker becomes free."""
    hashing, slow = pool(), Slow()
    jobs = [asyncio.create_task(hashing.run(slow, reserved=False)) for _ in range(2)]
    await until(slow, 2)
    first, second, third = (
        asyncio.create_task(hashing.run(lambda: "next", reserved=False)) for _ in range(3)
    )
    await asyncio.sleep(0)
    first.cancel()  # its ticket is cancelled, and still in the queue
    hashing._give_back(reserved=False)  # as a thread that is done; stands for one of the two jobs
    second.cancel()  # it has just been called up
    async with asyncio.timeout(10):
        assert await third == "next"
    slow.release.set()
    await asyncio.gather(*jobs)
    hashing.close()


async def test_a_job_that_fails_gives_its_worker_back() -> None:
    hashing = pool(patience=SOON)

    def fail() -> None:
        raise ZeroDivisionError

    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            await hashing.run(fail, reserved=False)
    hashing.close()


async def test_a_pool_that_is_closed_refuses() -> None:
    hashing = pool()
    hashing.close()
    with pytest.raises(Refused, match="hashing.busy"):
        await hashing.run(lambda: "never", reserved=True)
