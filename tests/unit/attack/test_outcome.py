"""A judgement of payloads: one that gets through is enough."""

from dataclasses import replace

from ringfence.attack.outcome import Tried, broken, judge, unavailable
from ringfence.core.codes import CODES


def tried(name: str, code: str = "", *, through: bool = False) -> Tried:
    return Tried(name=name, through=through, stopped_by=CODES[code] if code else None)


def test_one_payload_of_many_that_gets_through_is_success() -> None:
    found = judge([tried("a", "sql.injected"), tried("b", through=True)], bound="")
    assert found.outcome == "succeeded"
    assert found.by is None
    assert not found.held


def test_a_bound_does_not_excuse_a_payload_that_gets_through() -> None:
    assert judge([tried("a", through=True)], bound="10 guesses").outcome == "succeeded"


def test_who_stopped_most_payloads_is_named() -> None:
    codes = ["body.invalid", "sql.injected", "sql.injected"]
    found = judge([tried(code, code) for code in codes], bound="")
    assert (found.outcome, found.by, found.code) == ("stopped", "boundary", "sql.injected")


def test_a_payload_that_makes_the_application_fail_is_not_stopped_by_that() -> None:
    failed = replace(tried("b"), failure=500)
    found = judge([tried("a", "sql.injected"), failed], bound="")
    assert (found.outcome, found.broken) == ("unavailable", True)
    assert found.reason == "'b' met a 500, which is no refusal"
    assert judge([tried("a", through=True), failed], bound="").outcome == "succeeded"


def test_a_stop_that_nobody_claims_has_no_name() -> None:
    found = judge([tried("a")], bound="")
    assert (found.outcome, found.by, found.code) == ("stopped", None, None)


def test_a_bound_is_said_and_held() -> None:
    found = judge([tried("a", "signin.limited")], bound="10 guesses")
    assert (found.outcome, found.bound, found.by) == ("bounded", "10 guesses", "authn")
    assert found.held


def test_what_was_not_run_is_neither_stopped_nor_through() -> None:
    assert not unavailable("no Chromium").held
    assert not broken("no answer").held
    assert broken("no answer").broken


def test_payloads_that_failed_are_named() -> None:
    assert judge([tried("a", through=True), tried("b")], bound="").duds == ("b",)
