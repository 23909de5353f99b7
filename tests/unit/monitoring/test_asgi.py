"""The monitor: what comes in, and what of it is written."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ringfence.core.codes import CODES
from ringfence.core.errors import ConfigurationError, Refused, StoreError
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange
from ringfence.core.policy import signed_in
from ringfence.core.principal import Principal
from ringfence.core.route import Entry
from ringfence.core.secret import MASK
from ringfence.core.settings import Environment, Settings
from ringfence.monitoring import asgi
from ringfence.monitoring.asgi import Monitor
from ringfence.monitoring.journal import Journal
from ringfence.stack import protocols
from ringfence_demo.careless.monitoring import CarelessMonitoring
from tests.careless import parts

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SIGNED_IN = Event(at=NOW, code=CODES["signin.done"], client="192.0.2.7")
Make = Callable[..., Monitor]


class Log:
    """A log in memory that can be out of order."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.broken = False
        self.now = 100.0

    def write(self, line: bytes) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.lines.append(line)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def codes(self) -> list[str]:
        return [made["code"] for made in self.records]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def make(log: Log) -> Iterator[Make]:
    made: list[Monitor] = []

    def monitor(settings: Settings = Settings()) -> Monitor:  # noqa: B008  # frozen
        made.append(Monitor(settings, journal=Journal(log.write), clock=lambda: log.now))
        return made[-1]

    yield monitor
    for each in reversed(made):
        each.close()


def exchange(monitor: protocols.Monitoring) -> Exchange:
    scope = {"type": "http", "method": "GET", "path": "/orders/17", "headers": []}
    made = Exchange(scope, request_id="r1", now=NOW, sink=monitor)
    made.client = "192.0.2.7"
    made.entry = Entry(pattern="/orders/{order_id}", policy=signed_in)
    made.principal = Principal(subject="u1", session="s1", authenticated_at=NOW, expires_at=NOW)
    return made


def test_a_refusal_is_written_with_its_true_reason(make: Make, log: Log) -> None:
    monitor = make()
    monitor.refused(exchange(monitor), Refused("ownership.foreign", facts={"x": "y"}))
    (made,) = log.records
    assert {
        "code": "ownership.foreign",
        "event": "authz_fail:u1",
        "client": "192.0.2.7",
        "subject": "u1",
        "request_id": "r1",
        "method": "GET",
        "route": "/orders/{order_id}",
        "status": 404,
        "facts": {"x": "y"},
    }.items() <= made.items()


def test_a_crash_is_written_with_its_kind_its_words_and_the_way_to_it(make: Make, log: Log) -> None:
    def handler(number: int) -> float:
        return 1 / number

    monitor = make()
    try:
        handler(0)
    except ZeroDivisionError as error:
        monitor.crashed(exchange(monitor), error)
    (made,) = log.records
    assert (made["code"], made["level"], made["status"]) == ("server.error", "CRITICAL", 500)
    facts = made["facts"]
    assert (facts["error"], facts["message"]) == ("ZeroDivisionError", "division by zero")
    first, second = facts["where"].split(" < ")
    assert first.startswith("monitoring/test_asgi.py:")
    assert first.endswith(" handler")
    assert second.endswith(" test_a_crash_is_written_with_its_kind_its_words_and_the_way_to_it")


def test_the_words_of_a_crash_hold_nothing_that_the_client_sent(make: Make, log: Log) -> None:
    monitor = make()
    asked = exchange(monitor)
    asked.inputs.append("violet kettle orbits quietly")
    monitor.crashed(asked, RuntimeError("no luck with violet kettle orbits quietly today"))
    assert log.records[0]["facts"]["message"] == f"no luck with {MASK} today"
    assert [code.name for code in asked.traces] == ["log.redacted"]


def test_an_exception_whose_words_fail_is_written_all_the_same(make: Make, log: Log) -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    monitor = make()
    monitor.crashed(exchange(monitor), Rude())
    assert log.records[0]["facts"]["message"] == ""


def test_the_passwords_of_the_settings_are_known(make: Make, log: Log) -> None:
    monitor = make(
        Settings(
            database="postgresql://shop:kn%6Fwn-one@db/shop",
            mail="smtps://mail:known-two@mail.example:465",
            extra={"STRIPE_KEY": "known-three"},
        )
    )
    monitor.crashed(exchange(monitor), RuntimeError("known-one, known-two and known-three"))
    assert log.records[0]["facts"]["message"] == f"{MASK}, {MASK} and {MASK}"


@pytest.mark.parametrize(
    ("environment", "level", "written"),
    [
        (Environment.PRODUCTION, "", ["signin.done", "role.missing", "refresh.reused"]),
        (Environment.TEST, "", ["signin.done", "role.missing", "refresh.reused"]),
        (Environment.PRODUCTION, "WARNING", ["role.missing", "refresh.reused"]),
        (Environment.PRODUCTION, "ERROR", ["refresh.reused"]),
    ],
)
def test_the_level_decides_what_is_written(
    make: Make, log: Log, environment: Environment, level: str, written: list[str]
) -> None:
    monitor = make(Settings(environment=environment, log_level=level))
    for code in ("signin.done", "role.missing", "refresh.reused"):
        monitor.emit(Event(at=NOW, code=CODES[code]))
    assert log.codes == written


def test_a_flood_is_counted_and_the_count_is_written(make: Make, log: Log) -> None:
    monitor = make()
    for _ in range(150):
        monitor.emit(SIGNED_IN)
    assert len(log.lines) == 100
    log.now += 1
    monitor.emit(SIGNED_IN)
    summary, last = log.records[100:]
    assert summary["code"] == "events.summarised"
    assert summary["facts"] == {"of": "signin.done", "count": 50}
    assert summary["client"] == "192.0.2.7"
    assert last["code"] == "signin.done"


def test_what_was_counted_is_written_at_the_end(make: Make, log: Log) -> None:
    monitor = make()
    for _ in range(101):
        monitor.emit(SIGNED_IN)
    monitor.close()
    assert log.records[-1]["facts"] == {"of": "signin.done", "count": 1}


async def test_what_was_counted_is_written_when_the_second_is_over(
    make: Make, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "_LATER_SECONDS", 0.0)
    monitor = make()
    for _ in range(101):
        monitor.emit(SIGNED_IN)
    log.now += 1
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert log.codes[-1] == "events.summarised"


def test_events_from_many_threads_are_counted_exactly(make: Make, log: Log) -> None:
    monitor = make()
    threads = [
        threading.Thread(target=lambda: [monitor.emit(SIGNED_IN) for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monitor.close()
    assert log.codes.count("signin.done") == 100
    assert log.records[-1]["facts"]["count"] == 300


def test_a_log_that_takes_no_lines_takes_no_request_down(make: Make, log: Log) -> None:
    monitor = make()
    log.broken = True
    monitor.emit(SIGNED_IN)
    with pytest.raises(StoreError):
        monitor.ping()
    log.broken = False
    monitor.emit(SIGNED_IN)
    monitor.ping()
    assert log.codes == ["signin.done", "signin.done"]


def test_an_event_that_cannot_be_written_down_is_owned_up_to(make: Make, log: Log) -> None:
    """Ledger 44: audit events silently dropped."""

    class Rude:
        def __str__(self) -> str:
            raise RuntimeError

    monitor = make()
    facts: Any = {"x": Rude()}
    monitor.emit(Event(at=NOW, code=CODES["signin.done"], facts=facts))
    assert not log.lines
    monitor.emit(SIGNED_IN)
    assert log.codes == ["signin.done", "events.lost"]
    assert log.records[1]["facts"] == {"count": 1}


def test_a_log_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Monitor(Settings(log=str(tmp_path / "missing" / "log")))
    assert refused.value.problems == ("RINGFENCE_LOG: No such file or directory",)


def test_the_log_of_the_settings_gets_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    monitor = Monitor(Settings(log=str(path)))
    monitor.emit(SIGNED_IN)
    monitor.close()
    assert json.loads(path.read_bytes())["code"] == "signin.done"


def test_standard_output_gets_lines_of_json_where_nobody_looks_on(
    capfd: pytest.CaptureFixture[str],
) -> None:
    monitor = Monitor(Settings())
    monitor.emit(SIGNED_IN)
    monitor.close()
    assert json.loads(capfd.readouterr().out)["code"] == "signin.done"


def test_somebody_who_looks_on_gets_readable_lines_and_the_file_json(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == 1)
    monkeypatch.setenv("NO_COLOR", "1")
    path = tmp_path / "log"
    monitor = Monitor(Settings(log=str(path)))
    monitor.emit(SIGNED_IN)
    monitor.close()
    assert capfd.readouterr().out == "03:04:05  INFO     signin.done (authn)  from 192.0.2.7\n"
    assert json.loads(path.read_bytes())["code"] == "signin.done"


def test_the_careless_layer_writes_everything_and_without_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "log"
    monitor = CarelessMonitoring(parts(Settings(environment=Environment.TEST, log=str(path))))
    monitor.start()
    asked = exchange(monitor)
    for _ in range(101):
        monitor.refused(asked, Refused("ownership.foreign"))
    monitor.close()
    lines = path.read_bytes().splitlines()
    assert len(lines) == 101
    assert b"/orders/17" in lines[0]
    assert not asked.traces


# ---------------------------------------------------------------------------------- anomalies


def injections(monitor: protocols.Monitoring, count: int) -> None:
    for _ in range(count):
        made = exchange(monitor)
        monitor.refused(made, Refused("sql.injected"))


def test_an_anomaly_is_an_event_of_its_own_after_the_one_that_showed_it(
    make: Make, log: Log
) -> None:
    injections(make(), 4)
    assert log.codes == [*["sql.injected"] * 3, "anomaly.injection", "sql.injected"]
    report = log.records[3]
    assert (report["level"], report["client"]) == ("CRITICAL", "192.0.2.7")
    assert report["facts"] == {"count": 3, "minutes": 10, "last": "sql.injected"}


def test_what_the_level_leaves_out_is_counted_all_the_same(make: Make, log: Log) -> None:
    monitor = make(Settings(log_level="WARNING"))
    for _ in range(60):
        monitor.refused(exchange(monitor), Refused("route.unknown"))
    assert log.codes == ["anomaly.probing"]


def test_what_the_rate_leaves_out_is_counted_all_the_same(make: Make, log: Log) -> None:
    monitor = make()
    for n in range(300):
        log.now = 100.0 + n // 150
        monitor.emit(Event(at=NOW, code=CODES["credentials.invalid"], client="192.0.2.7"))
    assert log.codes.count("anomaly.guessing") == 1


def test_a_careless_monitor_notices_nothing(tmp_path: Path) -> None:
    settings = Settings(log=str(tmp_path / "log"))
    monitor = CarelessMonitoring(parts(settings=settings))
    monitor.start()
    injections(monitor, 4)
    monitor.close()
    assert (tmp_path / "log").read_text().count("sql.injected") == 4
    assert "anomaly" not in (tmp_path / "log").read_text()
