"""The line of a request: what it says, what it never says, and what it costs the events."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from ringfence.core.asgi import Message
from ringfence.core.codes import CODES
from ringfence.core.event import trace_parent
from ringfence.core.exchange import Exchange, current
from ringfence.core.policy import signed_in
from ringfence.core.principal import Principal
from ringfence.core.route import Entry
from ringfence.core.seam import compose
from ringfence.core.settings import Settings
from ringfence.monitoring import access
from ringfence.monitoring.asgi import Monitor
from ringfence.monitoring.journal import Journal
from ringfence.monitoring.logs import logging_setup
from ringfence.monitoring.metrics import Metrics
from ringfence.monitoring.record import MOST_BYTES, line

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ON = Settings(access_log=True)
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
IDS = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
START = {"type": "http.response.start", "status": 200, "headers": []}


class Log:
    """A log in memory that can be out of order, and the clock beside it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.broken = False
        self.now = 100.0

    def write(self, data: bytes) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.written.append(data)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in b"".join(self.written).splitlines()]


def monitor(log: Log, settings: Settings = ON) -> Monitor:
    return Monitor(settings, journal=Journal(log.write), clock=lambda: log.now)


def exchange(made: Monitor, kind: str = "http", *headers: tuple[bytes, bytes]) -> Exchange:
    scope = {"type": kind, "path": "/orders/17", "headers": [*headers]}
    scope |= {"query_string": b"q=violet+kettle"} | ({"method": "PUT"} if kind == "http" else {})
    asked = Exchange(scope, request_id="r1", now=NOW, sink=made)
    asked.client = "192.0.2.7"
    asked.entry = Entry(pattern="/orders/{order_id}", policy=signed_in)
    asked.principal = Principal(subject="u1", session="s1", authenticated_at=NOW, expires_at=NOW)
    return asked


async def answer(log: Log, made: Monitor, asked: Exchange, *messages: Message) -> None:
    """Let a request take two milliseconds."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    watched = made.watch(asked, send)
    for message in messages:
        await watched(message)
    log.now += 0.002
    made.ended(asked)
    assert sent == [*messages]


async def test_a_request_is_one_line_without_its_path_its_query_and_its_user() -> None:
    log = Log()
    made = monitor(log)
    await answer(log, made, exchange(made), START)
    made.close()
    (line,) = log.records
    assert line == {
        "time": "2026-01-02T03:04:05.000Z",
        "level": "INFO",
        "logger": "access",
        "request_id": "r1",
        "client": "192.0.2.7",
        "method": "PUT",
        "route": "/orders/{order_id}",
        "status": 200,
        "milliseconds": 2.0,
    }


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("headers", [(), ((b"traceparent", TRACE),)])
@pytest.mark.parametrize(
    "text", ["a", "", 'a"\\b', "a\nb\x7f", "ü\u2028", "\ud83e", "x" * 600, "\u0001" * 5000]
)
def test_the_line_that_is_put_together_is_the_record(
    kind: str, headers: tuple[tuple[bytes, bytes], ...], text: str
) -> None:
    """It is made from prepared parts, and nothing that a client sends shows that."""
    asked = exchange(monitor(Log()), kind, *headers)
    asked.client, asked.status = text, 200
    if kind == "http":
        asked.scope["method"] = text
    for pattern in (None, text):
        asked.entry = None if pattern is None else Entry(pattern=pattern, policy=signed_in)
        written = access.line(asked, 0.0123456)
        assert len(written) <= MOST_BYTES
        assert written.endswith(b"}\n")
        assert written[:-1].isascii()
        assert written.count(b"\n") == 1
        made = access.record(asked, 0.0123456)
        assert json.loads(written) == json.loads(line(made))


def test_what_the_server_itself_refuses_is_an_event_a_line_and_counted() -> None:
    """Issue 9, B8: 400 for a malformed head was in no log and no metric."""
    log, metrics = Log(), Metrics()
    made = Monitor(ON, journal=Journal(log.write), clock=lambda: log.now, metrics=metrics)
    end = compose(made.seams)
    access.REFUSED_BEFORE.current()(CODES["head.malformed"], "r7", "192.0.2.7")
    end()
    made.close()
    event, request = log.records
    assert (event["code"], event["request_id"], event["client"]) == (
        "head.malformed", "r7", "192.0.2.7",
    )  # fmt: skip
    assert (request["status"], request["request_id"], request["method"]) == (400, "r7", "-")
    assert 'ringfence_requests_total{route="",method="' in metrics.exposition()


async def test_a_path_that_no_route_has_is_not_written() -> None:
    log = Log()
    made = monitor(log)
    asked = exchange(made)
    asked.entry = None
    await answer(log, made, asked, {**START, "status": 404})
    made.close()
    assert "route" not in log.records[0]
    assert log.records[0]["status"] == 404


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([{"type": "websocket.accept"}, {"type": "websocket.close", "code": 1008}], 101),
        ([{"type": "websocket.close", "code": 1008}], 403),
        ([{"type": "websocket.http.response.start", "status": 404, "headers": []}], 404),
        ([], 0),
    ],
)
async def test_a_websocket_is_one_line_too(messages: list[Message], status: int) -> None:
    log = Log()
    made = monitor(log)
    await answer(log, made, exchange(made, "websocket"), *messages)
    made.close()
    (line,) = log.records
    assert (line["method"], line["status"]) == ("WEBSOCKET", status)


async def test_unless_it_is_switched_on_no_request_is_written() -> None:
    log = Log()
    made = monitor(log, Settings())
    await answer(log, made, exchange(made), START)
    made.close()
    assert log.records == []


async def test_many_requests_are_one_write_that_fits_into_a_pipe() -> None:
    log = Log()
    made = monitor(log)
    for _ in range(100):
        await answer(log, made, exchange(made), START)
    made.close()
    assert len(log.records) == 100
    assert len(log.written) < 10
    assert max(map(len, log.written)) <= MOST_BYTES


async def test_where_lines_wait_requests_are_lost_and_counted_and_events_are_not() -> None:
    log = Log()
    made = monitor(log)
    log.broken = True
    made.emit(exchange(made).event("signin.done"))
    for _ in range(100):
        await answer(log, made, exchange(made), START)
    log.broken = False
    made.close()
    codes = [(line.get("code"), line.get("facts")) for line in log.records]
    assert codes == [("signin.done", None), ("events.lost", {"count": 100})]


# ------------------------------------------------------------------------------ W3C Trace Context


@pytest.mark.parametrize(
    "values",
    [
        (),
        (TRACE, TRACE),
        (TRACE.upper(),),
        (TRACE + b"-extra",),
        (TRACE + b"\n",),
        (b" " + TRACE,),
        (TRACE.replace(b"00-", b"01-", 1),),
        (TRACE.replace(b"00-", b"ff-", 1),),
        (b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",),
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01",),
        (b"00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",),
        (b"00-4bf92f3577b34da6a3ce929d0e0e47g6-00f067aa0ba902b7-01",),
        (b'{"x": "\r\n"}',),
    ],
)
def test_a_traceparent_that_is_not_exactly_one_is_none(values: tuple[bytes, ...]) -> None:
    assert trace_parent([(b"traceparent", value) for value in values]) is None


def test_a_traceparent_names_the_trace_and_the_step() -> None:
    assert trace_parent([(b"traceparent", TRACE)]) == IDS


async def test_events_requests_and_the_process_s_own_lines_name_the_trace() -> None:
    log = Log()
    made = monitor(log)
    asked = exchange(made, "http", (b"traceparent", TRACE))
    made.emit(asked.event("signin.done"))
    await answer(log, made, asked, START)
    made.close()
    assert [(line["trace_id"], line["parent_id"]) for line in log.records] == [IDS, IDS]


async def test_a_traceparent_that_is_malformed_is_echoed_nowhere() -> None:
    log = Log()
    made = monitor(log)
    asked = exchange(made, "http", (b"traceparent", b"violet" + TRACE))
    made.emit(asked.event("signin.done"))
    await answer(log, made, asked, START)
    made.close()
    assert len(log.records) == 2
    assert b"violet" not in b"".join(log.written)
    assert not any("trace_id" in line for line in log.records)


def test_a_line_of_the_application_s_log_names_the_request_and_its_trace(
    root: logging.Logger,
) -> None:
    taken: list[Any] = []
    logging_setup(taken.append, "INFO")
    made = monitor(Log())
    token = current.set(exchange(made, "http", (b"traceparent", TRACE)))
    try:
        root.info("during")
    finally:
        current.reset(token)
        made.close()
    root.info("after")
    during, after = taken
    assert (during["request_id"], during["trace_id"], during["parent_id"]) == ("r1", *IDS)
    assert "request_id" not in after
