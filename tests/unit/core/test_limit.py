"""A limit is written as people say it, and says when it is none."""

from datetime import timedelta

import pytest

from ringfence import ConfigurationError, limit
from ringfence.core.limit import declared_limits


@pytest.mark.parametrize(
    ("text", "amount", "window"),
    [
        ("10/15m", 10, timedelta(minutes=15)),
        ("600/m", 600, timedelta(minutes=1)),
        ("5/s", 5, timedelta(seconds=1)),
        ("1000000/30d", 1_000_000, timedelta(days=30)),
    ],
)
def test_a_rate_is_read_and_written(text: str, amount: int, window: timedelta) -> None:
    read = limit(text)
    assert (read.rate.amount, read.rate.window, str(read.rate)) == (amount, window, text)


@pytest.mark.parametrize(
    "text", ["", "10", "0/m", "10/0m", "10/m ", "-1/m", "1.5/s", "10/w", "1000001/m", "1/31d"]
)
def test_what_is_no_rate_stops_the_start(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no rate such as 10/15m"):
        limit(text)


def test_what_cannot_be_counted_by_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="address"):
        limit("1/m", by="session")  # pyright: ignore[reportArgumentType]  # whoever runs no checker


def test_a_handler_may_have_several_in_the_order_in_which_they_stand() -> None:
    @limit("1/s")
    @limit("10/m", by="account")
    def handler() -> None:
        """A handler."""

    assert [*map(repr, declared_limits(handler))] == [
        'limit("1/s", by="address")',
        'limit("10/m", by="account")',
    ]
