"""The monitoring layer in the pipeline: one line for every event.

An ordinary request is a line only if ``RINGFENCE_ACCESS_LOG`` is on.

A line goes to the log as JSON. If standard output is a terminal, the same event is also shown there
as a readable line. Without a file in the settings, that terminal is the log.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from ringfence.core.asgi import Send
from ringfence.core.codes import CODES, Code, Level
from ringfence.core.errors import Refused, StoreError
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, Seams, current
from ringfence.core.secret import MASK
from ringfence.core.settings import Environment, Settings
from ringfence.monitoring import access, crash
from ringfence.monitoring.detectors import Detectors
from ringfence.monitoring.journal import Journal, open_journal
from ringfence.monitoring.logs import redact_records
from ringfence.monitoring.metrics import Metrics
from ringfence.monitoring.rate import Rate, Summary
from ringfence.monitoring.record import record
from ringfence.monitoring.redaction import Redactor

#: Levels of events and of ``RINGFENCE_LOG_LEVEL``, on the scale of Python's logging.
_SEVERITY: Final[Mapping[str, int]] = {
    "DEBUG": 10,
    Level.INFO: 20,
    Level.WARN: 30,
    "WARNING": 30,
    "ERROR": 40,
    Level.CRITICAL: 50,
}

#: When what was counted is written, and what could not be written is tried again.
_LATER_SECONDS: Final = 1.0


class Monitor:
    """Takes every event of one process (``EventSink``).

    Args:
        settings: Of the site: where the log goes, and how much of it.
        journal: Where lines go, in place of the log that the settings name.
        clock: Seconds that do not jump, for the rate.
        metrics: Counts events and requests, if they are counted.

    Raises:
        ConfigurationError: The log cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self._least: Final = _SEVERITY[_level(settings)]
        self._clock: Final = clock
        self._access: Final = settings.access_log
        self._metrics: Final = metrics
        self._watches: Final = self._access or metrics is not None
        self._journal: Final = journal or open_journal(settings.log)
        self._rate: Final = Rate()
        self._detectors: Final = Detectors()
        self._lock: Final = threading.Lock()  # handlers in threads emit too
        self._timer: asyncio.TimerHandle | None = None
        self._redactor: Final = Redactor(_own_secrets(settings))
        self._restore: Callable[[], None] | None = None
        self.seams: Seams = {access.REFUSED_BEFORE: self._refused_before}

    def start(self) -> None:
        """Redact what this process logs. Called before the application starts, which logs too."""
        self._restore = redact_records(self._redactor)

    def emit(self, event: Event) -> None:
        """Write an event down. Neither waits nor raises."""
        self._take(event, current.get())

    def refused(self, exchange: Exchange, refused: Refused) -> None:
        """Write down why a request was refused."""
        with contextlib.suppress(ValueError):
            exchange.refusals.remove(refused)
        code = refused.code
        self._take(exchange.event(code.name, refused.facts, status=code.status), exchange)

    def _refused_before(self, code: Code, request_id: str, client: str) -> None:
        """Write down what the server has refused: it has no route, and perhaps no method."""
        scope = {"type": "http", "method": "-", "headers": ()}
        exchange = Exchange(scope, request_id=request_id, now=datetime.now(UTC), sink=self)
        exchange.client, exchange.status = client, code.status
        self._take(exchange.event(code.name, {}, status=code.status), exchange)
        exchange.began = self._clock()
        self.ended(exchange)

    def swallowed(self, exchange: Exchange) -> None:
        """Write down refusals that the application got, but did not pass on as its answer.

        ``except Exception`` around a query is common, and a task group wraps what it raises.
        """
        for refused in exchange.refusals:
            facts = {**refused.facts, "answered": "by the application"}
            self._take(exchange.event(refused.code.name, facts), exchange)
        exchange.refusals.clear()

    def crashed(self, exchange: Exchange, error: Exception) -> None:
        """Write down an unforeseen exception."""
        facts = crash.facts(error, self._redactor, exchange.inputs)
        status = CODES["server.error"].status
        self._take(exchange.event("server.error", facts, status=status), exchange)

    def watch(self, exchange: Exchange, send: Send) -> Send:
        """Begin to take the time of a request; ``send`` for its answer, or one that is watched."""
        if not self._watches:
            return send
        exchange.began = self._clock()
        return access.watch(exchange, send)

    def ended(self, exchange: Exchange) -> None:
        """Count a request that is over, and write it down, if that is asked for."""
        if not self._watches:
            return
        seconds = self._clock() - exchange.began
        if self._metrics is not None:
            self._metrics.request(
                exchange.entry.pattern if exchange.entry else "",
                access.method(exchange),
                exchange.status,
                seconds,
            )
        if self._access:
            self._write_request(exchange, seconds)

    def redacted(self, text: str) -> str:
        """``text`` of the application as it may be written down elsewhere."""
        return self._redactor.text(text)

    def ping(self) -> None:
        """Whether the log takes lines; for ``/readyz``. Requests go on meanwhile.

        Raises:
            StoreError: Lines wait to be written, or were lost.
        """
        if self._journal.trouble:
            raise StoreError("log", self._journal.trouble)

    def close(self) -> None:
        """Write what was counted and what waits, and let go of the log."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._summarise(self._rate.flush())
            self._journal.close()
        if self._restore is not None:
            self._restore()
            self._restore = None

    def _write_request(self, exchange: Exchange, seconds: float) -> None:
        try:
            with self._lock:
                self._journal.request(access.line(exchange, seconds))
                if self._journal.has_onlooker:
                    self._journal.show_request(access.record(exchange, seconds))
        except Exception:  # noqa: BLE001  # the request was answered
            self._journal.lost += 1
        self._later()

    def _take(self, event: Event, exchange: Exchange | None) -> None:
        try:
            with self._lock:
                for each in (event, *self._detectors.notice(event, self._clock())):
                    if self._metrics is not None:
                        self._metrics.event(each)
                    if _SEVERITY[each.code.level] >= self._least:
                        self._admit(each, exchange)
        except Exception:  # noqa: BLE001  # an event must not take its request down
            self._journal.lost += 1
        if self._journal.trouble:
            self._later()

    def _admit(self, event: Event, exchange: Exchange | None) -> None:
        now = self._clock()
        self._summarise(self._rate.turn(now))
        if not self._rate.admit(event.code.name, event.client or "", now):
            self._later()
            return
        made = record(event, self._redactor)
        if exchange is not None and MASK in str(made.get("facts")):
            exchange.traces.append(CODES["log.redacted"])
        self._journal.event(made)

    def _summarise(self, summaries: Sequence[Summary]) -> None:
        for summary in summaries:
            self._journal.event(
                record(
                    Event(
                        at=datetime.now(UTC),
                        code=CODES["events.summarised"],
                        client=summary.source or None,
                        facts={"of": summary.code, "count": summary.count},
                    ),
                    self._redactor,
                )
            )

    def _later(self) -> None:
        """Write what is left when the second is over; without a loop, with the next event."""
        if self._timer is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self._timer = loop.call_later(_LATER_SECONDS, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        with self._lock:
            self._summarise(self._rate.turn(self._clock()))
            self._journal.retry()
        if self._journal.trouble:
            self._later()


def _level(settings: Settings) -> str:
    usual = "INFO" if settings.environment is Environment.PRODUCTION else "DEBUG"
    return settings.log_level or usual


def _own_secrets(settings: Settings) -> list[str]:
    """The secrets in the settings, both as they are written there and decoded."""
    found = [*settings.extra.values()]
    for url in (settings.database, settings.mail):
        password = urlsplit(url).password
        if password:
            found += [password, unquote(password)]
    return found
