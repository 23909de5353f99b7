"""Above a rate, events are counted: DESIGN section 4 step 8; Ledger 18, 20, 44."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.monitoring.rate import MOST_A_SECOND, MOST_SOURCES, OTHERS, Rate, Summary, source


def test_the_hundredth_event_of_a_second_is_written_and_the_next_one_counted() -> None:
    rate = Rate()
    admitted = [rate.admit("token.invalid", "192.0.2.7", 5.0) for _ in range(102)]
    assert admitted == [True] * 100 + [False] * 2
    assert not rate.turn(5.999)
    assert rate.turn(6.0) == [Summary(code="token.invalid", source="192.0.2.7", count=2)]
    assert rate.admit("token.invalid", "192.0.2.7", 6.0)


def test_exactly_at_the_rate_there_is_nothing_to_sum_up() -> None:
    rate = Rate()
    for _ in range(MOST_A_SECOND):
        assert rate.admit("token.invalid", "192.0.2.7", 5.0)
    assert not rate.turn(6.0)


def test_a_flood_from_one_source_hides_no_other_and_no_other_code() -> None:
    rate = Rate()
    for _ in range(1000):
        rate.admit("token.invalid", "192.0.2.7", 5.0)
    assert rate.admit("token.invalid", "192.0.2.8", 5.0)
    assert rate.admit("refresh.reused", "192.0.2.7", 5.0)


def test_a_client_that_is_not_known_has_a_rate_too() -> None:
    """Ledger 20."""
    rate = Rate()
    admitted = [rate.admit("head.malformed", "", 5.0) for _ in range(101)]
    assert admitted.count(False) == 1


@pytest.mark.parametrize(
    "client",
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:0DB8:0001:0002:0:0:0:9"],
)
def test_a_64_of_ipv6_is_one_source_however_it_is_spelled(client: str) -> None:
    """Ledger 18."""
    assert source(client) == "2001:db8:1:2::/64"


def test_what_is_no_address_is_its_own_source() -> None:
    assert source("") == ""
    assert source("192.0.2.7") == "192.0.2.7"
    assert source("not:an:address") == "not:an:address"


def test_many_sources_take_bounded_memory_and_are_counted_together() -> None:
    rate = Rate()
    total = MOST_SOURCES + 5000
    admitted = sum(
        rate.admit("token.invalid", f"10.0.{n >> 8}.{n & 255}", 5.0) for n in range(total)
    )
    assert admitted == MOST_SOURCES + MOST_A_SECOND
    assert len(rate._seen) == MOST_SOURCES + 1
    assert rate.flush() == [
        Summary(code="token.invalid", source=OTHERS, count=5000 - MOST_A_SECOND)
    ]


def test_a_second_that_is_over_is_forgotten() -> None:
    rate = Rate()
    rate.admit("token.invalid", "192.0.2.7", 5.0)
    assert rate._seen
    rate.turn(6.0)
    assert not rate._seen


events = st.tuples(
    st.sampled_from(["token.invalid", "role.missing"]),
    st.sampled_from(["192.0.2.7", "192.0.2.8"]),
    st.integers(1, 250),
    st.sampled_from([0.0, 0.4, 1.0]),
)


@given(st.lists(events, max_size=12))
def test_written_and_counted_add_up_to_what_happened(
    bursts: list[tuple[str, str, int, float]],
) -> None:
    """Ledger 44."""
    rate, now = Rate(), 100.0
    happened: Counter[tuple[str, str]] = Counter()
    told: Counter[tuple[str, str]] = Counter()

    def add(summaries: Sequence[Summary]) -> None:
        for summary in summaries:
            told[summary.code, summary.source] += summary.count

    for code, client, count, pause in bursts:
        now += pause
        for _ in range(count):
            happened[code, client] += 1
            add(rate.turn(now))
            told[code, client] += rate.admit(code, client, now)
    add(rate.flush())
    assert told == happened
