"""Who stopped it is read from the application's words; a word that is no control's names nobody."""

import json

import pytest

from ringfence.attack.answer import Answer, Sent
from ringfence.attack.evidence import Evidence, Sign, actor
from ringfence.core.codes import CODES, Layer


def sent(request_id: str, mark: str = "mark-1") -> Sent:
    answer = Answer(status=400, headers=(("x-request-id", request_id),), body=b"", seconds=0.1)
    return Sent(
        mark=mark,
        source="127.0.0.2",
        method="GET",
        target="/",
        headers=(),
        body=b"",
        answer=answer,
    )


def sign(code: str) -> Sign:
    return Sign(CODES[code], refusal=CODES[code].status > 0)


def test_the_first_refusal_is_who_stopped_it() -> None:
    found = actor([sign("policy.allowed"), sign("sql.injected"), sign("body.invalid")], frozenset())
    assert found is CODES["sql.injected"]


def test_a_trace_counts_where_the_attack_says_that_it_tells() -> None:
    signs = [sign("html.sanitised")]
    assert actor(signs, frozenset()) is None
    assert actor(signs, frozenset({"html.sanitised"})) is CODES["html.sanitised"]


def test_a_crash_is_no_control() -> None:
    assert actor([sign("server.error")], frozenset()) is None
    assert actor([sign("server.error")], frozenset({"server.error"})) is CODES["server.error"]


def test_a_layer_that_is_off_stopped_nothing() -> None:
    """Row security hid the row, and the careless layer says that there is none."""
    signs = [sign("resource.missing"), sign("database.denied")]
    assert actor(signs, frozenset()) is CODES["resource.missing"]
    assert actor(signs, frozenset(), {Layer.AUTHZ}) is CODES["database.denied"]
    assert actor(signs, frozenset({"resource.missing"}), {Layer.AUTHZ, Layer.NETWORK}) is None


def test_an_event_belongs_to_its_own_request_alone() -> None:
    evidence = Evidence()
    evidence.events(json.dumps({"code": "sql.injected", "request_id": "one"}) + "\n")
    assert [each.code.name for each in evidence.signs([sent("one")])] == ["sql.injected"]
    assert evidence.signs([sent("two")]) == []


def test_a_request_is_complete_once_its_traces_are_there() -> None:
    evidence = Evidence()
    assert not evidence.complete([sent("one")])
    evidence.traces(json.dumps({"request_id": "one", "traces": ["html.sanitised"]}) + "\n")
    assert evidence.complete([sent("one")])
    assert [each.code.name for each in evidence.signs([sent("one")])] == ["html.sanitised"]


@pytest.mark.parametrize("noise", ["", "\n", "no JSON\n", "[]\n", '{"code": "no.code"}\n'])
def test_what_is_no_event_names_nobody(noise: str) -> None:
    evidence = Evidence()
    evidence.events(noise)
    assert evidence.signs([sent("one")]) == []


def test_a_careless_line_is_found_by_the_mark_of_the_sender() -> None:
    evidence = Evidence()
    evidence.events("2026-01-01T00:00:00 WARN ownership.foreign authz_fail x-attack=mark-7\n")
    assert [each.code.name for each in evidence.signs([sent("", "mark-7")])] == [
        "ownership.foreign"
    ]
    assert evidence.signs([sent("", "mark-8")]) == []
