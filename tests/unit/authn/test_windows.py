"""A window of many units never holds one too many, wherever it begins."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.authn.counters import Counter
from ringfence.authn.windows import Taken, Window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = 60 * SECOND


def take(window: Window, counter: Counter | None, now: datetime, units: int = 1) -> Taken:
    taken = window.take(counter and window.as_of(counter, now), now, units)
    assert isinstance(taken, Taken)
    return taken


def wait(window: Window, counter: Counter, now: datetime) -> timedelta:
    taken = window.take(window.as_of(counter, now), now)
    assert isinstance(taken, timedelta)
    return taken


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 40_000_000), st.integers(1, 9)), min_size=20, max_size=40))
def test_no_window_holds_more_units_than_the_limit(steps: list[tuple[int, int]]) -> None:
    """Units may be spent up to the end of the part that they were taken in: that is judged."""
    window, counter, now = Window(30, MINUTE), None, NOON
    spent: list[tuple[int, int]] = []  # the latest moment, and how many
    refused = False
    for pause, units in steps:
        now += timedelta(microseconds=pause // len(steps) * 4)
        at = (now - NOON) // timedelta(microseconds=1)
        taken = window.take(counter, now, units)
        if isinstance(taken, timedelta):
            refused = True
            continue
        counter = taken.counter
        spent += [(at, taken.units), (at - at % window.part + window.part - 1, 0)]
        spent[-2:] = [(spent[-1][0], taken.units)]
    for begin, _ in spent:
        inside = sum(n for at, n in spent if begin <= at < begin + 60_000_000)
        assert inside <= 30
    assert refused or sum(n for _, n in spent) > 0


def test_the_last_unit_is_taken_and_one_more_waits_until_its_part_has_left() -> None:
    window = Window(100, MINUTE)
    first = take(window, None, NOON, 99)
    last = take(window, first.counter, NOON, 5)
    assert (last.units, last.left) == (1, 0)
    assert wait(window, last.counter, NOON) == MINUTE + MINUTE / 12
    free = NOON + MINUTE + MINUTE / 12
    assert take(window, last.counter, free, 200).units == 100


def test_a_clock_that_was_ahead_locks_nobody_out() -> None:
    """Issue 9, B1: a jump of a year forth and back."""
    window = Window(100, MINUTE)
    ahead = take(window, None, NOON + timedelta(days=365), 100)
    back = window.as_of(ahead.counter, NOON)
    assert wait(window, back, NOON) <= MINUTE + MINUTE / 6
    assert take(window, back, NOON + MINUTE + MINUTE / 6).units == 1


def test_clocks_of_two_hosts_may_differ_a_little() -> None:
    window = Window(100, MINUTE)
    ahead = take(window, None, NOON + 4 * SECOND, 99)
    assert window.as_of(ahead.counter, NOON) is ahead.counter
    assert take(window, ahead.counter, NOON, 5).units == 1
