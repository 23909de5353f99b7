"""The same for a person at a terminal."""

from datetime import UTC, datetime

from ringfence.core.codes import CODES
from ringfence.core.event import Event
from ringfence.monitoring import terminal
from ringfence.monitoring.record import record
from ringfence.monitoring.redaction import Redactor

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FOREIGN = Event(
    at=AT,
    code=CODES["ownership.foreign"],
    request_id="r1",
    client="192.0.2.7",
    subject="u1",
    method="GET",
    route="/orders/{order_id}",
    status=404,
    facts={"note": "x"},
)


def test_one_line_says_why() -> None:
    assert terminal.event(record(FOREIGN, Redactor()), colour=False) == (
        "03:04:05  WARN     ownership.foreign (authz)  404 GET /orders/{order_id}  "
        "by u1 from 192.0.2.7 note=x id r1"
    )


def test_a_fact_of_several_words_is_quoted_and_a_long_one_is_seen_to_go_on() -> None:
    event = Event(at=AT, code=CODES["route.unknown"], facts={"why": "no such", "path": "/" * 81})
    shown = terminal.event(record(event, Redactor()), colour=False)
    assert "why='no such'" in shown
    assert shown.endswith(" path=" + "/" * 79 + "…")


def test_what_is_not_known_leaves_no_gap() -> None:
    event = Event(at=AT, code=CODES["signin.done"])
    assert terminal.event(record(event, Redactor()), colour=False) == (
        "03:04:05  INFO     signin.done (authn)"
    )


def test_colour_is_loud_where_the_event_is() -> None:
    made = record(Event(at=AT, code=CODES["refresh.reused"]), Redactor())
    assert "\x1b[1;31mCRITICAL refresh.reused (authn)\x1b[0m" in terminal.event(made, colour=True)


def test_nothing_of_a_client_speaks_to_the_terminal() -> None:
    """ATTACKS I09."""
    event = Event(at=AT, code=CODES["route.unknown"], method="\x1b[2J", facts={"x": "\x9b1m\n"})
    assert terminal.event(record(event, Redactor()), colour=False).isprintable()


def test_a_log_record_is_shown_with_its_traceback_below() -> None:
    made = {"time": "2026-01-02T03:04:05.000Z", "level": "ERROR", "logger": "shop",
            "message": "no\x1b", "exception": "Traceback\n  ValueError"}  # fmt: skip
    assert terminal.log(made, colour=False) == (
        "03:04:05  ERROR    shop  no\\x1b\nTraceback\n  ValueError"
    )
