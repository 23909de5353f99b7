"""What rounds come to."""

import pytest

from bench.measure import Goal, Line, differences, interleaved, ratios


def test_contestants_take_turns_and_every_other_round_goes_backwards() -> None:
    order: list[str] = []

    def contestant(name: str) -> int:
        order.append(name)
        return len(order)

    found = interleaved(3, {name: lambda name=name: contestant(name) for name in "abc"})
    assert "".join(order) == "abccbaabc"
    assert found == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}


def test_ratios_and_differences_are_formed_within_a_round() -> None:
    assert ratios([10, 40], [5, 10]) == (2, 4)
    assert differences([10, 40], [5, 10]) == (5, 30)


def test_rounds_that_do_not_belong_together_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


@pytest.mark.parametrize(
    ("goal", "met", "missed"), [(Goal("at least", 6), 6.0, 5.9), (Goal("at most", 20), 20.0, 20.1)]
)
def test_a_goal_is_met_by_its_own_value(goal: Goal, met: float, missed: float) -> None:
    assert goal.met(met)
    assert not goal.met(missed)


def test_one_round_that_went_wrong_does_not_move_the_median() -> None:
    assert Line(what="", rounds=(1.0, 1.1, 900.0)).median == 1.1
