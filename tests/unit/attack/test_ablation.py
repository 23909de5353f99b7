"""What a matrix means. Each failure of the proof has its own number, and none is hidden."""

from dataclasses import replace

import pytest

from ringfence.attack.ablation import Benign
from ringfence.attack.configuration import ABSENT, BUILT, NONE, SHORT, without
from ringfence.attack.outcome import Run, Tried, broken, unavailable
from ringfence.core.codes import Layer
from tests.unit.attack.matrices import SILENT, THROUGH, matrix, row, stopped

ONE_LINE = row("Z01", "authz")
TWO_LINES = row("O07", "boundary", "output")


def test_a_matrix_that_shows_what_it_claims_is_good() -> None:
    found = matrix(ONE_LINE, Z01={"authz": THROUGH}).summary
    assert found.good
    assert (found.stopped, found.succeeded, found.naked_failed) == (1, 0, 0)


@pytest.mark.parametrize("configuration", ["none", "production"])
def test_an_attack_that_gets_through_with_nothing_off_fails_the_run(configuration: str) -> None:
    found = matrix(ONE_LINE, Z01={configuration: THROUGH})
    assert found.summary.succeeded == 1
    assert not found.summary.good


def test_the_loss_of_the_only_line_is_depth_1_and_no_failure() -> None:
    found = matrix(ONE_LINE, Z01={"authz": THROUGH})
    assert found.depth("Z01") == 1
    assert found.summary.depth_below_2 == ("Z01",)
    assert found.summary.good


def test_the_loss_of_one_line_of_two_that_are_built_is_a_failure() -> None:
    found = matrix(TWO_LINES, O07={"boundary": THROUGH})
    assert found.breaches("O07") == ("boundary",)
    assert not found.summary.good


def test_a_layer_that_is_no_line_of_the_attack_must_not_be_needed() -> None:
    assert matrix(ONE_LINE, Z01={"output": THROUGH}).summary.succeeded == 1


def test_two_lines_that_hold_alone_are_depth_2() -> None:
    found = matrix(TWO_LINES)
    assert found.depth("O07") == 2
    assert found.summary.depth_below_2 == ()


def test_a_line_on_two_layers_falls_with_either() -> None:
    both = row("H03", "network+authn")
    found = matrix(both, H03={"network": THROUGH, "authn": THROUGH})
    assert found.summary.succeeded == 0
    assert found.depth("H03") == 1


def test_an_attack_that_fails_where_every_layer_is_off_proves_nothing() -> None:
    found = matrix(ONE_LINE, Z01={"all": stopped("ownership.foreign")})
    assert found.summary.naked_failed == 1
    assert not found.summary.good


def test_a_single_payload_that_fails_where_every_layer_is_off_is_noticed() -> None:
    dud = replace(THROUGH, payloads=(*THROUGH.payloads, Tried(name="dud", through=False)))
    found = matrix(ONE_LINE, Z01={"all": dud})
    assert found.unproven("Z01")
    assert found.summary.naked_failed == 1


def test_a_switch_that_changes_no_outcome_is_idle_and_fails_the_run() -> None:
    found = matrix(ONE_LINE, whole=True, Z01={"authz": THROUGH})
    assert found.idle == tuple(layer for layer in BUILT if layer is not Layer.AUTHZ)
    assert found.summary.idle_switches == 5
    assert not found.summary.good


def test_of_a_few_attacks_nobody_says_that_a_switch_is_idle() -> None:
    assert matrix(ONE_LINE, Z01={"authz": THROUGH}).summary.idle_switches is None


def test_without_ablation_nobody_says_how_deep_the_defence_is() -> None:
    found = matrix(ONE_LINE, configurations=SHORT)
    assert found.depth("Z01") is None
    assert found.summary.depth_below_2 == ()


@pytest.mark.parametrize("run", [broken("no answer"), unavailable("no Chromium")])
def test_what_was_not_shown_is_not_counted_as_stopped(run: Run) -> None:
    found = matrix(ONE_LINE, Z01={"none": run})
    assert found.summary.stopped == 0
    assert found.summary.unavailable == 1
    assert not found.summary.good


def test_what_one_configuration_could_not_run_is_not_green() -> None:
    found = matrix(ONE_LINE, Z01={"authz": THROUGH, "output": unavailable("no Chromium")})
    assert found.summary.stopped == 1
    assert found.summary.unavailable == 1
    assert found.not_run == {"Z01": "no Chromium"}
    assert not found.summary.good


def test_rows_are_sorted_by_the_layer_that_their_first_line_stands_on() -> None:
    lines = {"M01": "monitoring", "Z01": "authz", "H03": "network+authn", "O07": "boundary"}
    found = matrix(*(row(attack, line) for attack, line in lines.items()))
    assert found.by_layer == ("H03", "O07", "Z01", "M01")


def test_the_second_line_is_who_was_seen_to_stop_it_without_the_first() -> None:
    first = {"none": stopped("redirect.refused"), "boundary": stopped("location.policed")}
    assert matrix(TWO_LINES, O07=first).second_line("O07") == "output"
    assert matrix(ONE_LINE, Z01={"authz": THROUGH}).second_line("Z01") == ""


def test_honest_use_that_fails_anywhere_fails_the_run() -> None:
    found = matrix(ONE_LINE, Z01={"authz": THROUGH})
    found = replace(found, benign={"output": Benign(passed=53, failures=("GET /: 500",))})
    assert found.summary.benign_failed == 1
    assert not found.summary.good


def test_a_silent_stop_is_named_for_the_layer_without_which_the_attack_gets_through() -> None:
    silent = dict.fromkeys(["none", "network", "boundary", "authn", "output"], SILENT)
    found = matrix(ONE_LINE, Z01={**silent, "authz": THROUGH}).named()
    assert {found.runs["Z01"][name].by for name in silent} == {"authz"}
    assert found.runs["Z01"]["none"].code is None


def test_a_silent_second_line_is_named_once_both_are_off() -> None:
    found = matrix(TWO_LINES, O07={"boundary": SILENT, "output": SILENT, "none": SILENT})
    wanted = {configuration.name for _, configuration in found.doubtful()}
    both = without({Layer.BOUNDARY, Layer.OUTPUT})
    assert both.name == "boundary+output"
    assert both.name in wanted
    found = matrix(TWO_LINES, O07={"boundary": SILENT, "boundary+output": THROUGH}).named()
    assert found.runs["O07"]["boundary"].by == "output"


def test_with_neither_off_the_first_of_two_silent_lines_is_named() -> None:
    """Each holds alone, so that neither alone opens the way."""
    runs = dict.fromkeys(["none", "production", "authn", "boundary", "output"], SILENT)
    found = matrix(TWO_LINES, O07={**runs, "boundary+output": THROUGH}).named()
    named = {name: found.runs["O07"][name].by for name in runs}
    assert named == {
        "none": "boundary",
        "production": "boundary",
        "authn": "boundary",
        "boundary": "output",
        "output": "boundary",
    }


def test_an_absent_layer_is_no_configuration() -> None:
    assert set(ABSENT) == {Layer.GATEWAY}
    assert not set(ABSENT) & set(BUILT)
    assert not NONE.off
