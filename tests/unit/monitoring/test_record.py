"""An event as one line: ASVS 16.2, MUSTS L01-L04, ATTACKS I09."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.core.codes import CODES
from ringfence.core.event import Event
from ringfence.core.secret import MASK
from ringfence.monitoring.record import MOST_BYTES, bounded, escaped, line, record, timestamp
from ringfence.monitoring.redaction import Redactor

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
REDACTOR = Redactor()


def written(event: Event) -> Any:
    return json.loads(line(record(event, REDACTOR)))


def test_an_event_says_when_where_who_and_what() -> None:
    event = Event(
        at=AT,
        code=CODES["ownership.foreign"],
        request_id="r1",
        client="192.0.2.7",
        subject="u1",
        method="GET",
        route="/orders/{order_id}",
        status=404,
        facts={"reason": "x"},
    )
    assert written(event) == {
        "time": "2026-01-02T03:04:05.678Z",
        "level": "WARN",
        "event": "authz_fail:u1",
        "code": "ownership.foreign",
        "layer": "authz",
        "description": "There is nothing here.",
        "request_id": "r1",
        "client": "192.0.2.7",
        "subject": "u1",
        "method": "GET",
        "route": "/orders/{order_id}",
        "status": 404,
        "facts": {"reason": "x"},
    }


def test_what_is_not_known_is_left_out() -> None:
    assert written(Event(at=AT, code=CODES["signin.done"])) == {
        "time": "2026-01-02T03:04:05.678Z",
        "level": "INFO",
        "event": "authn_login_success:-",
        "code": "signin.done",
        "layer": "authn",
        "description": "Signed in.",
    }


def test_the_event_names_the_client_where_nobody_is_signed_in() -> None:
    event = Event(at=AT, code=CODES["credentials.invalid"], client="192.0.2.7")
    assert written(event)["event"] == "authn_login_fail:192.0.2.7"


@pytest.mark.parametrize("hours", [-7, 0, 5.5])
def test_time_is_utc_with_milliseconds(hours: float) -> None:
    """MUSTS L03."""
    zone = timezone(timedelta(hours=hours))
    assert timestamp(AT.astimezone(zone)) == "2026-01-02T03:04:05.678Z"
    assert timestamp(AT.replace(microsecond=0)) == "2026-01-02T03:04:05.000Z"


@given(st.text(), st.text(), st.text())
def test_whatever_a_client_sent_makes_one_line_of_printable_ascii(a: str, b: str, c: str) -> None:
    event = Event(
        at=AT, code=CODES["route.unknown"], client=a, method=b, route=c, facts={a: b, b: c}
    )
    made = line(record(event, REDACTOR))
    assert made.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in made[:-1])
    json.loads(made)


NASTY = [
    'x\n{"level":"INFO","event":"authn_login_success:admin"}',
    "x\r\nfake",
    "\x1b[2J\x1b[1;1Hall is well",
    "\x9b2J",
    "x\x7f\x08\x08",
    "\u2028fake",
    "\u202egnp.exe",
    "\ud800",
    "\x00",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_forged_line_is_an_escaped_value(text: str) -> None:
    """ATTACKS I09."""
    event = Event(at=AT, code=CODES["route.unknown"], facts={"given": text})
    made = line(record(event, REDACTOR))
    assert made.count(b"\n") == 1
    assert all(0x20 <= byte < 0x7F for byte in made[:-1])
    assert json.loads(made)["facts"]["given"] == text


@pytest.mark.parametrize("text", NASTY)
def test_a_terminal_is_spoken_to_in_printable_characters_only(text: str) -> None:
    assert escaped(text).isprintable()


def test_escaping_leaves_other_scripts_readable() -> None:
    assert escaped("Größe 大") == "Größe 大"


def test_a_field_is_bounded_and_says_so() -> None:
    assert bounded("x" * 512) == "x" * 512
    assert bounded("x" * 513) == "x" * 512 + "… (1 more)"


def test_a_secret_is_redacted_before_it_is_cut() -> None:
    text = "x" * 495 + " password=" + "violet kettle orbits quietly"
    facts = written(Event(at=AT, code=CODES["server.error"], facts={"message": text}))["facts"]
    assert facts["message"] == "x" * 495 + f" password={MASK}"


def test_there_is_a_bound_on_facts() -> None:
    facts = {f"f{number}": number for number in range(17)}
    made = written(Event(at=AT, code=CODES["server.error"], facts=facts))
    assert len(made["facts"]) == 16


def test_a_line_fits_into_the_atomic_write_of_a_pipe() -> None:
    facts = {f"f{number}": "\x01" * 600 for number in range(16)}
    event = Event(
        at=AT, code=CODES["server.error"], method="\x01" * 600, route="\x01" * 600, facts=facts
    )
    made = line(record(event, REDACTOR))
    assert len(made) <= MOST_BYTES
    assert json.loads(made)["facts"].keys() == {"omitted"}
