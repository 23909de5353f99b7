"""Strangers never take the last worker, and nobody waits without bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.authn.hashing import Admission, HashingLimits
from ringfence.core.errors import ConfigurationError

LIMITS = HashingLimits(workers=3, reserved=1, places=2)


def test_strangers_leave_the_reserved_worker_free() -> None:
    """ATTACKS H08: a flood of sign-ins does not stop a reset."""
    admission = Admission[str](LIMITS)
    assert [admission.start(reserved=False) for _ in range(3)] == [True, True, False]
    assert admission.start(reserved=True)
    assert not admission.start(reserved=True)


def test_the_reserved_kind_may_take_every_worker() -> None:
    admission = Admission[str](LIMITS)
    assert [admission.start(reserved=True) for _ in range(4)] == [True, True, True, False]
    assert not admission.start(reserved=False)


def test_each_queue_has_its_own_places() -> None:
    admission = Admission[str](LIMITS)
    assert [admission.wait(ticket, reserved=False) for ticket in "abc"] == [True, True, False]
    assert [admission.wait(ticket, reserved=True) for ticket in "def"] == [True, True, False]


def test_a_free_worker_goes_to_the_reserved_kind_first_and_then_in_order() -> None:
    admission = Admission[str](LIMITS)
    for reserved in (False, False, True):
        admission.start(reserved=reserved)
    for ticket in "ab":
        admission.wait(ticket, reserved=False)
    admission.wait("reset", reserved=True)
    assert admission.finish(reserved=False) == ("reset", True)
    assert admission.finish(reserved=False) == ("a", False)
    assert admission.finish(reserved=True) == ("b", False)
    assert admission.finish(reserved=True) is None


def test_a_stranger_does_not_inherit_the_reserved_worker() -> None:
    admission = Admission[str](LIMITS)
    for reserved in (False, False, True):
        admission.start(reserved=reserved)
    admission.wait("stranger", reserved=False)
    assert admission.finish(reserved=True) is None
    assert admission.finish(reserved=False) == ("stranger", False)


def test_who_left_is_not_called_up() -> None:
    admission = Admission[str](LIMITS)
    for reserved in (False, False):
        admission.start(reserved=reserved)
    for ticket in "ab":
        admission.wait(ticket, reserved=False)
    admission.leave("a", reserved=False)
    admission.leave("a", reserved=False)  # again, which changes nothing
    assert admission.finish(reserved=False) == ("b", False)


@pytest.mark.parametrize(("workers", "reserved"), [(1, 1), (2, 0), (2, 2), (0, 0)])
def test_a_pool_without_a_worker_for_each_kind_stops_the_start(workers: int, reserved: int) -> None:
    with pytest.raises(ConfigurationError, match="reserve at least one worker"):
        HashingLimits(workers=workers, reserved=reserved)


@given(st.lists(st.tuples(st.sampled_from(["arrive", "finish", "leave"]), st.booleans())))
def test_no_order_of_events_breaks_the_bounds_or_loses_a_worker(
    events: list[tuple[str, bool]],
) -> None:
    """The oracle counts for itself who runs and who waits."""
    admission = Admission[int](LIMITS)
    running: list[bool] = []
    waiting: list[tuple[int, bool]] = []
    for ticket, (event, reserved) in enumerate(events):
        if event == "arrive":
            if admission.start(reserved=reserved):
                running.append(reserved)
            elif admission.wait(ticket, reserved=reserved):
                waiting.append((ticket, reserved))
        elif event == "finish" and reserved in running:
            running.remove(reserved)
            called_up = admission.finish(reserved=reserved)
            if called_up is not None:
                waiting.remove(called_up)
                running.append(called_up[1])
        elif event == "leave" and waiting:
            left, kind = waiting.pop()
            admission.leave(left, reserved=kind)
        assert within_bounds(running, waiting)
        assert not idle(running, waiting)


def within_bounds(running: list[bool], waiting: list[tuple[int, bool]]) -> bool:
    places = [sum(kind == reserved for _, kind in waiting) for reserved in (True, False)]
    return len(running) <= 3 and running.count(False) <= 2 and max(places) <= 2


def idle(running: list[bool], waiting: list[tuple[int, bool]]) -> bool:
    """Whether a worker is free that somebody who waits may have."""
    free = len(running) < 3
    kinds = {kind for _, kind in waiting}
    return free and (True in kinds or (False in kinds and running.count(False) < 2))
