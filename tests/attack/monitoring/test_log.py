"""What a request can do to the log: nothing. With the layer off, it can.

ATTACKS I09 (log and terminal injection) and M01 (secrets in logs). The request is one that makes a
careless handler crash, with everything in it that a client can put there.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange, current
from ringfence.core.policy import public
from ringfence.core.route import Entry
from ringfence.core.settings import Environment, Settings
from ringfence.monitoring.asgi import Monitor
from ringfence.monitoring.journal import Journal
from ringfence.monitoring.logs import logging_setup
from ringfence.stack import protocols
from ringfence_demo.careless.monitoring import CarelessMonitoring
from tests.careless import parts
from tests.unit.monitoring.canaries import CANARIES, pieces, written

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FORGED = '{"level":"INFO","code":"signin.done","subject":"admin"}'


@dataclass
class Log:
    """Every sink: the log itself, what somebody at the terminal sees, the process's logging."""

    lines: list[bytes] = field(default_factory=list[bytes])
    shown: list[str] = field(default_factory=list[str])

    @property
    def bytes(self) -> bytes:
        return b"".join(self.lines) + "\n".join(self.shown).encode("utf-8", "backslashreplace")


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(params=["production", "every level"])
def monitor(log: Log, request: pytest.FixtureRequest) -> Iterator[Monitor]:
    level = "" if request.param == "production" else "DEBUG"
    journal = Journal(log.lines.append, log.shown.append)
    made = Monitor(Settings(log_level=level), journal=journal)
    made.start()
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    logging_setup(journal.log, level or "INFO")
    yield made
    root.handlers[:] = handlers
    root.setLevel(before)
    made.close()


@pytest.fixture
def everything(tmp_path: Path) -> Iterator[CarelessMonitoring]:
    made = CarelessMonitoring(
        parts(Settings(environment=Environment.TEST, log=str(tmp_path / "log")))
    )
    made.start()
    yield made
    made.close()


def attack(monitor: protocols.Monitoring, secret: str) -> None:
    """Put ``secret`` into every part of a request that then crashes, is refused, and is logged."""
    text = secret.encode("utf-8", "surrogateescape")
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/boom/{secret}",
        "raw_path": b"/boom/" + quote(secret).encode(),
        "query_string": b"q=" + quote(secret).encode(),
        "headers": [(b"user-agent", text), (b"authorization", text), (b"cookie", text)],
    }
    exchange = Exchange(scope, request_id="r1", now=NOW, sink=monitor, seams=monitor.seams)
    exchange.client = "192.0.2.7"
    exchange.entry = Entry(pattern="/boom/{x}", policy=public)
    token = current.set(exchange)
    try:
        monitor.crashed(exchange, RuntimeError(f"cannot do {secret}"))
        monitor.refused(exchange, Refused("file.outside", facts={"reason": f"not {secret}"}))
        logging.getLogger("shop").warning("cannot do %s", secret)
        logging.getLogger("shop").error("failed", exc_info=ValueError(secret))
    finally:
        current.reset(token)


WAYS = [(name, way) for name in CANARIES for way in written(name)]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_no_canary_is_found_in_any_sink(monitor: Monitor, log: Log, name: str, way: str) -> None:
    attack(monitor, way)
    assert len(log.lines) == len(log.shown) == 4
    assert not {piece for piece in pieces(name) if piece.encode() in log.bytes}


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_with_the_layer_off_every_canary_is_found(
    monitor: Monitor, everything: CarelessMonitoring, log: Log, tmp_path: Path, name: str, way: str
) -> None:
    """Although a guarded application in the same process redacts what it logs."""
    attack(everything, way)
    assert way.encode() in (tmp_path / "log").read_bytes()
    assert way in "".join(json.loads(line)["message"] for line in log.lines)


@pytest.mark.parametrize("name", CANARIES)
def test_what_the_client_sent_needs_no_name_and_no_shape_to_be_kept_out_of_a_crash(
    monitor: Monitor, log: Log, name: str
) -> None:
    exchange = Exchange(
        {"type": "http", "method": "GET", "headers": []},
        request_id="r1",
        now=NOW,
        sink=monitor,
    )
    exchange.inputs.append(CANARIES[name])
    monitor.crashed(exchange, RuntimeError(f"odd: <{CANARIES[name]}>"))
    assert b"odd: <" in log.bytes
    assert not {piece for piece in pieces(name) if piece.encode() in log.bytes}


BREAKS = ["\n", "\r\n", "\r", "\x85", "\u2028", "\x0b", "\x0c"]


@pytest.mark.parametrize("line_break", BREAKS)
def test_a_line_break_starts_no_line(monitor: Monitor, log: Log, line_break: str) -> None:
    attack(monitor, f"x{line_break}{FORGED}{line_break}")
    for line in log.lines:
        assert len(line.decode().splitlines()) == 1
        assert json.loads(line).get("code") != "signin.done"
    assert not [text for text in log.shown if text.startswith("{")]


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_with_the_layer_off_it_forges_one(
    everything: CarelessMonitoring, tmp_path: Path, line_break: str
) -> None:
    attack(everything, f"x{line_break}{FORGED}{line_break}")
    found = (tmp_path / "log").read_text().splitlines()
    assert FORGED in found


TERMINAL = ["\x1b[2J\x1b[1;1H", "\x1b]0;owned\x07", "\x9b2J", "\x08\x08\x08", "\x7f", "\u202e"]


@pytest.mark.parametrize("sequence", TERMINAL)
def test_a_terminal_is_told_nothing(monitor: Monitor, log: Log, sequence: str) -> None:
    attack(monitor, f"x{sequence}y")
    sent = sequence.encode()
    assert sent not in log.bytes
    for line in log.lines:
        assert all(0x20 <= byte < 0x7F for byte in line[:-1])


@pytest.mark.parametrize("sequence", TERMINAL)
def test_with_the_layer_off_it_obeys(
    everything: CarelessMonitoring, tmp_path: Path, sequence: str
) -> None:
    attack(everything, f"x{sequence}y")
    assert sequence.encode() in (tmp_path / "log").read_bytes()


def test_a_flood_does_not_fill_the_disk_and_with_the_layer_off_it_does(
    monitor: Monitor, everything: CarelessMonitoring, log: Log, tmp_path: Path
) -> None:
    """DESIGN section 4, step 8."""
    for each in (monitor, everything):
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        exchange = Exchange(scope, request_id="r", now=NOW, sink=each)
        for _ in range(2000):
            each.refused(exchange, Refused("token.invalid"))
    slow = 3  # a machine that needs more than a second writes a few more
    assert 100 <= len(log.lines) <= 100 * slow
    assert len((tmp_path / "log").read_bytes().splitlines()) == 2000
