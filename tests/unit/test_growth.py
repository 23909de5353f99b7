"""The measure of growth tells the work that is linear from the work that is not."""

import re

from tests.growth import BEYOND_LINEAR, growth

BACKTRACKING = re.compile("a+b")  # it begins anew at every "a"
POSSESSIVE = re.compile("(?<!a)a++b")


def test_a_pattern_that_backtracks_is_beyond_linear() -> None:
    assert growth(lambda size: BACKTRACKING.search("a" * size), 500) > BEYOND_LINEAR


def test_a_pattern_that_does_not_is_linear() -> None:
    assert growth(lambda size: POSSESSIVE.search("a" * size), 500) < BEYOND_LINEAR


def test_work_that_does_not_grow_is_below_linear() -> None:
    assert growth(lambda _: sorted(range(1_000)), 500) < BEYOND_LINEAR / 8
