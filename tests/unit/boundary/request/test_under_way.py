"""One address cannot fill the memory with bodies that it never finishes (CWE-770)."""

import pytest

from ringfence.boundary.request.under_way import UnderWay
from ringfence.core.errors import Refused


def test_the_limit_itself_is_held_and_one_byte_more_is_not() -> None:
    under_way = UnderWay(10)
    with under_way.body("192.0.2.1") as first, under_way.body("192.0.2.1") as second:
        first(4)
        second(6)
        with pytest.raises(Refused) as refused:
            first(1)
    assert refused.value.code.name == "body.crowded"
    assert refused.value.retry_after is not None


def test_what_is_read_refused_or_given_up_is_held_no_more() -> None:
    under_way = UnderWay(10)
    for _ in range(3):
        with under_way.body("192.0.2.1") as hold:
            hold(10)
        with pytest.raises(Refused), under_way.body("192.0.2.1") as hold:
            hold(11)


def test_addresses_are_counted_apart() -> None:
    under_way = UnderWay(10)
    with under_way.body("192.0.2.1") as one, under_way.body("192.0.2.2") as other:
        one(10)
        other(10)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "no address"),
    ],
)
def test_the_addresses_of_one_subscriber_count_together(one: str, other: str) -> None:
    """Ledger 18, 20."""
    under_way = UnderWay(10)
    with under_way.body(one) as first, under_way.body(other) as second:
        first(10)
        with pytest.raises(Refused):
            second(1)


def test_two_subscribers_by_ipv6_do_not() -> None:
    under_way = UnderWay(10)
    with under_way.body("2001:db8::1") as one, under_way.body("2001:db8:0:1::1") as other:
        one(10)
        other(10)
