"""``CounterStore`` keeps its promise on every adapter: nobody comes between read and write."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from ringfence.authn.counters import Change, Counter
from tests.contract.stores import NOW, Rig

EXPIRES = NOW + timedelta(minutes=15)
LIMIT = 10


def one_more(*, limit: int = LIMIT) -> Change[bool]:
    """Adds a mark to every counter, unless one of them is full."""

    def change(found: Sequence[Counter | None]) -> tuple[Sequence[Counter | None], bool]:
        if any(counter is not None and len(counter.marks) >= limit for counter in found):
            return [None] * len(found), False
        marks = [counter.marks if counter is not None else () for counter in found]
        return [Counter((*old, len(old)), EXPIRES) for old in marks], True

    return change


async def read(rig: Rig, *keys: str) -> Sequence[Counter | None]:
    def look(
        found: Sequence[Counter | None],
    ) -> tuple[Sequence[Counter | None], list[Counter | None]]:
        return [None] * len(found), list(found)

    return await rig.stores.counters.update(keys, look)


async def test_a_counter_that_was_never_written_is_none(rig: Rig) -> None:
    assert await read(rig, "a") == [None]
    assert await read(rig, "a") == [None]  # looking did not write it


async def test_counters_come_in_the_order_of_their_keys(rig: Rig) -> None:
    def write(_: Sequence[Counter | None]) -> tuple[Sequence[Counter | None], str]:
        return [Counter((2,), EXPIRES), None, Counter((-1, 2**62), EXPIRES)], "answer"

    assert await rig.stores.counters.update(["b", "c", "a"], write) == "answer"
    assert await read(rig, "a", "b", "c") == [
        Counter((-1, 2**62), EXPIRES),
        Counter((2,), EXPIRES),
        None,
    ]


async def test_none_leaves_a_counter_as_it_is(rig: Rig) -> None:
    await rig.stores.counters.update(["a"], one_more())
    await read(rig, "a")
    assert await read(rig, "a") == [Counter((0,), EXPIRES)]


async def test_a_counter_without_marks_is_kept(rig: Rig) -> None:
    await rig.stores.counters.update(["a"], lambda _: ([Counter((), EXPIRES)], None))
    assert await read(rig, "a") == [Counter((), EXPIRES)]


async def test_two_hundred_at_once_against_ten_give_exactly_ten(rig: Rig) -> None:
    """Ledger 22."""
    passed = await asyncio.gather(
        *(rig.stores.counters.update(["address"], one_more()) for _ in range(200))
    )
    assert sum(passed) == LIMIT
    assert await read(rig, "address") == [Counter(tuple(range(LIMIT)), EXPIRES)]


async def test_many_keys_at_once_in_any_order_stay_exact(rig: Rig) -> None:
    """Rivals name the same keys in different orders: no deadlock, and none passes twice."""
    orders = (["x", "y", "z"], ["z", "y", "x"], ["y"], ["z", "x"])
    passed = await asyncio.gather(
        *(rig.stores.counters.update(orders[n % 4], one_more(limit=30)) for n in range(120))
    )
    found = await read(rig, "x", "y", "z")
    sizes = [len(counter.marks) for counter in found if counter is not None]
    wanted = [
        sum(ok for n, ok in enumerate(passed) if key in orders[n % 4]) for key in ("x", "y", "z")
    ]
    assert sizes == wanted
    assert max(sizes) == 30


async def test_a_change_that_fails_writes_nothing(rig: Rig) -> None:
    def fail(_: Sequence[Counter | None]) -> tuple[Sequence[Counter | None], None]:
        raise ZeroDivisionError

    await rig.stores.counters.update(["a"], one_more())
    with pytest.raises(ZeroDivisionError):
        await rig.stores.counters.update(["a", "b"], fail)
    assert await read(rig, "a", "b") == [Counter((0,), EXPIRES), None]


async def test_a_counter_in_debt_is_never_evicted(rig: Rig) -> None:
    await rig.stores.counters.update(["in debt"], one_more())
    await rig.stores.counters.purge(EXPIRES - timedelta(microseconds=1))
    assert await read(rig, "in debt") == [Counter((0,), EXPIRES)]


async def test_counters_out_of_debt_are_removed_and_counted(rig: Rig) -> None:
    for number in range(3):
        await rig.stores.counters.update([f"paid {number}"], one_more())
    assert await rig.stores.counters.purge(EXPIRES) == 3
    assert await read(rig, "paid 0", "paid 1") == [None, None]


async def test_purging_beside_updates_loses_no_mark(rig: Rig) -> None:
    def old(found: Sequence[Counter | None]) -> tuple[Sequence[Counter | None], None]:
        return [Counter((), NOW)], None

    await rig.stores.counters.update(["a"], old)
    passed = await asyncio.gather(
        *(rig.stores.counters.update(["a"], one_more()) for _ in range(20)),
        *(rig.stores.counters.purge(NOW) for _ in range(5)),
        *(rig.stores.counters.update(["a"], one_more()) for _ in range(20)),
    )
    assert sum(outcome is True for outcome in passed) == LIMIT
