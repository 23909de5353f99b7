"""What is written is what is read, to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.authn.counters import Counter
from ringfence.storage import rows

moments = st.datetimes(timezones=st.just(UTC))
moments_of_ours = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis adds the zone
marks = st.lists(st.integers(-(2**63), 2**63 - 1)).map(tuple)


@given(moments)
def test_a_moment_survives(at: datetime) -> None:
    assert rows.moment(rows.microseconds(at)) == at


@given(moments_of_ours)
def test_another_time_zone_is_the_same_moment(at: datetime) -> None:
    elsewhere = at.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert rows.microseconds(elsewhere) == rows.microseconds(at)


def test_a_moment_without_time_zone_is_not_stored() -> None:
    with pytest.raises(TypeError):
        rows.microseconds(datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake under test


@given(marks, moments)
def test_a_counter_survives(marks: tuple[int, ...], at: datetime) -> None:
    counter = Counter(marks, at)
    assert rows.counter(rows.marks(counter), rows.microseconds(at)) == counter


@given(st.frozensets(st.text(st.characters(exclude_categories=["Cs"]))))
def test_equal_sets_of_roles_are_stored_alike(roles: frozenset[str]) -> None:
    assert rows.roles(roles) == rows.roles(frozenset(sorted(roles, reverse=True)))


@pytest.mark.parametrize("text", ["", "a", "ü", "\U0001f600", "%_'\"\\"])
def test_text_that_can_be_stored_can_be_found(text: str) -> None:
    assert rows.findable(text)


@pytest.mark.parametrize("text", ["\0", "a\0b", "ü\0", "\ud800", "a\udfffb"])
def test_text_that_cannot_be_stored_is_not_looked_for(text: str) -> None:
    assert not rows.findable(text)
