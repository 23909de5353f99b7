"""What is written of an exception: ASVS 16.5.1."""

import pytest

from ringfence.core.secret import MASK
from ringfence.monitoring.crash import facts, text
from ringfence.monitoring.redaction import Redactor

REDACTOR = Redactor()


class ShopError(Exception):
    pass


def failing() -> None:
    try:
        int("password=violet kettle")
    except ValueError as cause:
        raise ShopError("out of\nbread") from cause


def failed() -> ShopError:
    with pytest.raises(ShopError) as caught:
        failing()
    return caught.value


def test_a_traceback_begins_with_the_cause_and_keeps_each_exceptions_words_on_one_line() -> None:
    lines = text(failed(), REDACTOR).splitlines()
    module = __name__
    cause = f"ValueError: invalid literal for int() with base 10: 'password={MASK}'"
    assert cause in lines
    assert lines[-1] == f"{module}.ShopError: out of\\nbread"
    assert any(line.startswith('  File "') for line in lines)


def test_what_was_hidden_on_purpose_stays_hidden() -> None:
    error = failed()
    assert "ValueError" in text(error, REDACTOR)
    error.__cause__ = None
    error.__suppress_context__ = True
    assert "ValueError" not in text(error, REDACTOR)


def test_causes_that_go_in_a_circle_come_to_an_end() -> None:
    first, second = ShopError("1"), ShopError("2")
    first.__cause__, second.__cause__ = second, first
    assert text(first, REDACTOR).count("ShopError") == 8


def test_an_event_names_the_cause_and_the_way_without_a_line_of_source() -> None:
    made = facts(failed(), REDACTOR, [])
    assert made["cause"] == "ValueError"
    assert made["where"].startswith("monitoring/test_crash.py:")
    assert "raise" not in made["where"]


def test_a_long_way_is_cut_at_its_outer_end() -> None:
    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        raise ShopError

    with pytest.raises(ShopError) as caught:
        deep(20)
    assert facts(caught.value, REDACTOR, [])["where"].count("deep") == 6


def test_words_as_long_as_a_body_are_cut_between_two_of_them() -> None:
    """Half a secret has no shape, and nobody reads a megabyte."""
    half = "rf_rt_" + "A" * 40
    error = ShopError("x " * 8_180 + half + " " + "y" * 1_000_000)
    words = facts(error, REDACTOR, [])["message"]
    assert len(words) < 17_000
    assert "rf_rt_" not in words
    assert "y" not in words
