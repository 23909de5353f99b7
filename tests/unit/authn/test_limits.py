"""The limits are exact at their edges, and give back what they took and nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.authn.budgets import GUESSES, MAILS, SIGN_INS, Budgets
from ringfence.authn.counters import Counter
from ringfence.authn.limits import (
    CLOCKS_DIFFER_BY,
    UNKNOWN_ADDRESS,
    Charge,
    Gcra,
    Limit,
    SlidingLog,
    address_key,
    charge,
    give_back,
    judge,
    moment,
    stamp,
    take,
)
from ringfence.core.errors import Refused
from ringfence.storage import Stores, open_stores
from ringfence_demo.careless.authn import Uncounted

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def stores() -> Stores:
    return open_stores("memory:")


def taken(limit: Limit, times: list[datetime]) -> list[bool]:
    """What ``limit`` answers to attempts at ``times``."""
    return [wait is None for wait in waits(limit, times)]


def waits(limit: Limit, times: list[datetime]) -> list[timedelta | None]:
    """How long each of the attempts at ``times`` has to wait; None: it is let through."""
    counter: Counter | None = None
    answers: list[timedelta | None] = []
    for now in times:
        (written,), wait = judge([limit], [counter], now)
        answers.append(wait)
        counter = written or counter
    return answers


def test_the_sliding_log_lets_exactly_its_limit_through() -> None:
    assert taken(SlidingLog(3, 10 * SECOND), [NOON] * 5) == [True, True, True, False, False]


def test_the_sliding_log_frees_a_place_when_a_unit_is_exactly_one_window_old() -> None:
    log = SlidingLog(2, 10 * SECOND)
    just_before = NOON + 10 * SECOND - MICROSECOND
    assert taken(log, [NOON, NOON + SECOND, just_before]) == [True, True, False]
    assert taken(log, [NOON, NOON + SECOND, NOON + 10 * SECOND]) == [True, True, True]


def test_the_sliding_log_has_no_edge_at_which_twice_the_limit_gets_through() -> None:
    """The fault of fixed windows: the limit at the end of one, and again after its turn."""
    late = [NOON + timedelta(minutes=14, seconds=59)] * 10
    early = [NOON + timedelta(minutes=15, seconds=1)] * 10
    assert taken(SIGN_INS, late + early) == [True] * 10 + [False] * 10


def test_the_sliding_log_says_how_long_to_wait_and_means_it() -> None:
    log = SlidingLog(2, 10 * SECOND)
    first = log.take(None, NOON)
    assert isinstance(first, Counter)
    full = log.take(first, NOON + 3 * SECOND)
    assert isinstance(full, Counter)
    wait = log.take(full, NOON + 4 * SECOND)
    assert isinstance(wait, timedelta)
    assert wait == 6 * SECOND
    assert isinstance(log.take(full, NOON + 4 * SECOND + wait), Counter)
    assert isinstance(log.take(full, NOON + 4 * SECOND + wait - MICROSECOND), timedelta)


def test_a_limit_that_was_lowered_says_how_long_to_wait_as_well() -> None:
    counter: Counter | None = None
    for second in range(3):
        result = SlidingLog(3, 10 * SECOND).take(counter, NOON + second * SECOND)
        assert isinstance(result, Counter)
        counter = result
    assert SlidingLog(1, 10 * SECOND).take(counter, NOON + 2 * SECOND) == 10 * SECOND


def test_the_limit_on_sign_ins_is_10_in_any_15_minutes() -> None:
    """DESIGN section 6."""
    quarter = timedelta(minutes=15)
    assert taken(SIGN_INS, [NOON] * 10 + [NOON + quarter - MICROSECOND])[-2:] == [True, False]
    assert taken(SIGN_INS, [NOON] * 10 + [NOON + quarter])[-1]


def test_a_refused_attempt_does_not_keep_the_door_closed() -> None:
    log = SlidingLog(1, 10 * SECOND)
    hammering = [NOON + i * SECOND for i in range(10)]
    assert taken(log, [*hammering, NOON + 10 * SECOND])[-1]


def test_the_sliding_log_is_in_debt_until_its_last_unit_has_left_the_window() -> None:
    log = SlidingLog(2, 10 * SECOND)
    first = log.take(None, NOON)
    assert isinstance(first, Counter)
    counter = log.take(first, NOON + SECOND)
    assert isinstance(counter, Counter)
    assert counter.expires_at == NOON + 11 * SECOND


@given(st.lists(st.integers(0, 3000), max_size=60), st.integers(1, 5), st.integers(1, 500))
def test_no_window_of_the_sliding_log_ever_holds_more_than_its_limit(
    offsets: list[int], limit: int, window: int
) -> None:
    """The oracle counts what was let through and never looks at the log's own state."""
    times = [NOON + offset * SECOND for offset in sorted(offsets)]
    answers = taken(SlidingLog(limit, window * SECOND), times)
    through = [time for time, answer in zip(times, answers, strict=True) if answer]
    for end in through:
        assert sum(end - window * SECOND < time <= end for time in through) <= limit
    for time, answer in zip(times, answers, strict=True):
        if not answer:  # and nobody is refused without cause
            assert sum(time - window * SECOND < earlier <= time for earlier in through) >= limit


def test_gcra_lets_its_burst_through_and_then_one_each_interval() -> None:
    gcra = Gcra(burst=3, every=10 * SECOND)
    assert taken(gcra, [NOON] * 4) == [True, True, True, False]
    soon = NOON + 10 * SECOND - MICROSECOND
    assert taken(gcra, [NOON, NOON, NOON, soon, NOON + 10 * SECOND, NOON + 10 * SECOND]) == [
        *(True, True, True),
        *(False, True, False),
    ]


def test_gcra_says_how_long_to_wait_and_means_it() -> None:
    gcra = Gcra(burst=1, every=10 * SECOND)
    counter = gcra.take(None, NOON)
    assert isinstance(counter, Counter)
    wait = gcra.take(counter, NOON + 4 * SECOND)
    assert isinstance(wait, timedelta)
    assert wait == 6 * SECOND
    assert isinstance(gcra.take(counter, NOON + 4 * SECOND + wait), Counter)


@pytest.mark.parametrize(("limit", "bound"), [(GUESSES, 50), (MAILS, 51)])
def test_the_bound_per_day_that_the_documents_state_holds(limit: Gcra, bound: int) -> None:
    """ATTACKS U01, hard case H5: a bound is what can be promised. Here it is, to the unit."""
    day = [NOON + timedelta(seconds=30) * i for i in range(24 * 120 + 1)]
    assert sum(taken(limit, day)) == bound


@pytest.mark.parametrize("limit", [SlidingLog(3, 10 * SECOND), Gcra(burst=3, every=10 * SECOND)])
def test_giving_back_returns_one_unit_and_not_the_failures_before_it(limit: Limit) -> None:
    """Ledger 21."""
    counter: Counter | None = None
    for second in range(3):
        result = limit.take(counter, NOON + second * SECOND)
        assert isinstance(result, Counter)
        counter = result
    assert counter is not None
    now = NOON + 2 * SECOND
    assert isinstance(limit.take(counter, now), timedelta)
    counter = limit.give_back(counter, now)
    again = limit.take(counter, now)
    assert isinstance(again, Counter), "its own unit is free again"
    assert isinstance(limit.take(again, now), timedelta), "and no other"


def test_giving_back_a_unit_that_left_the_window_takes_no_later_one() -> None:
    log = SlidingLog(1, 10 * SECOND)
    later = log.take(None, NOON + 20 * SECOND)
    assert isinstance(later, Counter)
    assert log.give_back(later, NOON).marks == later.marks


# ------------------------------------------------------------------------------------ clocks

YEAR = timedelta(days=365)
CLOCK_LIMITS = [SlidingLog(3, 10 * SECOND), Gcra(burst=3, every=10 * SECOND)]


@pytest.mark.parametrize("limit", CLOCK_LIMITS)
def test_a_clock_that_jumped_ahead_and_back_locks_nobody_out(limit: Limit) -> None:
    """It was for as long as the jump: ``Retry-After: 31506019``."""
    ahead = NOON + YEAR
    assert taken(limit, [ahead, NOON]) == [True, True]
    (*_, wait) = waits(limit, [ahead] * 3 + [NOON])
    assert wait == 10 * SECOND


@pytest.mark.parametrize("limit", CLOCK_LIMITS)
def test_a_unit_from_the_future_counts_as_one_of_now_and_not_as_none(limit: Limit) -> None:
    """Else a jump of the clock would be a way past the limit."""
    assert taken(limit, [NOON + YEAR] * 2 + [NOON] * 3) == [True] * 3 + [False] * 2


@pytest.mark.parametrize("limit", CLOCK_LIMITS)
@given(back=st.integers(7, 10**8), later=st.lists(st.integers(0, 9), max_size=5))
def test_one_step_back_lengthens_no_wait(limit: Limit, back: int, later: list[int]) -> None:
    """However often somebody asks meanwhile: the wait runs down by the time that passes."""
    full = [NOON] * 3 + [NOON + SECOND]
    before = waits(limit, full)[-1]
    assert before == 9 * SECOND
    stepped = NOON + SECOND - back * SECOND
    asked = sorted(later)
    answers = waits(limit, [*full, stepped, *(stepped + s * SECOND for s in asked)])[4:]
    assert answers[0] is not None
    assert answers[0] <= 10 * SECOND
    for passed, wait in zip(asked, answers[1:], strict=True):
        assert wait is not None
        assert wait == answers[0] - passed * SECOND


@pytest.mark.parametrize("limit", CLOCK_LIMITS)
@pytest.mark.parametrize(("back", "moves"), [(CLOCKS_DIFFER_BY, False), (6 * SECOND, True)])
def test_hosts_whose_clocks_differ_a_little_move_no_counter(
    limit: Limit, back: timedelta, *, moves: bool
) -> None:
    """The exact edge: a unit must not grow older by being looked at from a host that is behind."""
    counter = limit.take(None, NOON)
    assert isinstance(counter, Counter)
    assert (limit.as_of(counter, NOON - back) != counter) == moves
    assert limit.as_of(counter, NOON + YEAR) == counter


def test_an_arrival_without_the_time_of_its_writing_is_no_debt_beyond_the_whole_burst() -> None:
    """As an earlier version has written it."""
    gcra = Gcra(burst=3, every=10 * SECOND)
    whole = NOON + 30 * SECOND + CLOCKS_DIFFER_BY
    most = Counter((stamp(whole),), whole)
    assert gcra.as_of(most, NOON) == most
    more = Counter((stamp(whole) + 1,), moment(stamp(whole) + 1))
    assert isinstance(gcra.take(gcra.as_of(more, NOON), NOON), Counter)


def test_giving_back_keeps_when_the_counter_was_written() -> None:
    gcra = Gcra(burst=3, every=10 * SECOND)
    counter = gcra.take(None, NOON + YEAR)
    assert isinstance(counter, Counter)
    counter = gcra.give_back(counter, NOON + YEAR)
    assert gcra.as_of(counter, NOON).expires_at <= NOON


async def test_all_charges_are_taken_or_none(stores: Stores) -> None:
    open_charge = Charge("a", SlidingLog(1, 10 * SECOND))
    closed = Charge("b", SlidingLog(1, 10 * SECOND))
    assert await take(stores.counters, [closed], NOON) is None
    assert await take(stores.counters, [open_charge, closed], NOON) == 10 * SECOND
    assert await take(stores.counters, [open_charge], NOON) is None, "nothing was taken of it"


async def test_200_at_once_against_a_limit_of_10_give_exactly_10(stores: Stores) -> None:
    """Ledger 22."""
    charges = [Charge("signin:address:203.0.113.9", SIGN_INS)]
    waits = await asyncio.gather(*(take(stores.counters, charges, NOON) for _ in range(200)))
    assert waits.count(None) == 10


async def test_giving_back_what_was_evicted_meanwhile_changes_nothing(stores: Stores) -> None:
    charges = [Charge("a", SlidingLog(1, SECOND))]
    assert await take(stores.counters, charges, NOON) is None
    await stores.counters.purge(NOON + 2 * SECOND)
    await give_back(stores.counters, charges, NOON)
    assert await take(stores.counters, charges, NOON + 2 * SECOND) is None


async def test_a_charge_beyond_the_limit_is_refused_with_the_time_to_wait(stores: Stores) -> None:
    charges = [Charge("a", SlidingLog(1, 10 * SECOND))]
    await charge(stores.counters, "signup.limited", charges, NOON)
    with pytest.raises(Refused) as caught:
        await charge(stores.counters, "signup.limited", charges, NOON + SECOND)
    assert caught.value.code.name == "signup.limited"
    assert caught.value.retry_after == 9 * SECOND


async def test_with_the_layer_off_nothing_is_counted(stores: Stores) -> None:
    """The pair of the test above (ATTACKS U01)."""
    charges = [Charge("a", SlidingLog(1, 10 * SECOND))]
    for _ in range(50):
        await charge(Uncounted(), "signup.limited", charges, NOON)
    await charge(stores.counters, "signup.limited", charges, NOON)


@pytest.mark.parametrize(
    ("spelling", "same"),
    [
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::FFFF:CB00:7109", "203.0.113.9"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::1"),
        ("2001:db8:0:0:dead:beef:0:1%eth0", "2001:db8::1"),
    ],
)
def test_one_subscriber_is_one_key_however_the_address_is_spelt(spelling: str, same: str) -> None:
    """Ledger 18: rotation within a /64, mapped addresses, aliases."""
    assert address_key(spelling) == address_key(same)


def test_neighbours_are_counted_apart() -> None:
    """Ledger 18, the other way round: nobody pays for the next /64 or the next address."""
    keys = {"2001:db8:0:1::1", "2001:db8:0:2::1", "203.0.113.9", "203.0.113.10"}
    assert len({address_key(client) for client in keys}) == len(keys)


@pytest.mark.parametrize("client", ["", "unknown", "unix:", "1.2.3", "010.0.0.1", "evil\n::1"])
def test_whoever_has_no_address_is_counted_all_the_same(client: str) -> None:
    """Ledger 20."""
    assert address_key(client) == UNKNOWN_ADDRESS


def test_every_budget_has_a_limit_that_can_be_reached() -> None:
    budgets = Budgets()
    for name in (field for field in Budgets.__slots__ if field != "known_for"):
        assert not all(taken(getattr(budgets, name), [NOON] * 5000)), name
