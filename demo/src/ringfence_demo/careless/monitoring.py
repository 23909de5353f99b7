"""Careless: everything is logged, as it came (ATTACKS I09, M01)."""

import os
import traceback
from typing import Final
from urllib.parse import unquote_plus

from ringfence.core.asgi import Send
from ringfence.core.errors import Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, Seams, current
from ringfence.monitoring import logs
from ringfence.stack.layers import Parts

_STANDARD_OUTPUT: Final = 1


class CarelessMonitoring:
    """Writes each event with the whole request beside it: no redaction, no escaping, no rate.

    Requests are written down and counted by their paths, if they are.
    """

    def __init__(self, parts: Parts) -> None:
        self.seams: Seams = SEAMS
        self._log = parts.settings.log
        self._access = parts.settings.access_log
        self._metrics = parts.metrics
        self._file = _STANDARD_OUTPUT

    def start(self) -> None:
        """Open the log; what the process logs otherwise is left alone."""
        if self._log != "-":
            self._file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def close(self) -> None:
        """Close the log."""
        if self._file != _STANDARD_OUTPUT:
            os.close(self._file)
            self._file = _STANDARD_OUTPUT

    def emit(self, event: Event) -> None:
        """Write an event down."""
        self._write(event, current.get())

    def refused(self, exchange: Exchange, refused: Refused) -> None:
        """Write down that a request was refused."""
        if refused in exchange.refusals:
            exchange.refusals.remove(refused)
        code = refused.code
        self._write(exchange.event(code.name, refused.facts, status=code.status), exchange)

    def swallowed(self, exchange: Exchange) -> None:
        """Write down what the application was refused."""
        for refused in exchange.refusals:
            self._write(exchange.event(refused.code.name, refused.facts), exchange)
        exchange.refusals.clear()

    def crashed(self, exchange: Exchange, error: Exception) -> None:
        """Write down an exception, with all that it says."""
        event = exchange.event("server.error", {"error": repr(error)}, status=500)
        self._write(event, exchange, error)

    def watch(self, _exchange: Exchange, send: Send) -> Send:
        """Nobody takes the time."""
        return send

    def ended(self, exchange: Exchange) -> None:
        """Count a request by its path, and write it down with its query."""
        method, path, query = _target(exchange)
        if self._metrics is not None:
            self._metrics.request(path, method, exchange.status, 0.0)
        if self._access:
            said = f"{exchange.request_id} {method} {path} {query}"
            os.write(self._file, f"{said}\n".encode("utf-8", "backslashreplace"))

    def redacted(self, text: str) -> str:
        """Nothing is taken out of a text."""
        return text

    def ping(self) -> None:
        """Nobody looks whether the log takes lines."""

    def _write(
        self, event: Event, exchange: Exchange | None, error: Exception | None = None
    ) -> None:
        os.write(self._file, line(event, exchange, error))


def line(event: Event, exchange: Exchange | None, error: Exception | None = None) -> bytes:
    """The event with the whole request beside it, more than one line where the client says so."""
    parts = [event.at.isoformat(), event.code.level.value, event.code.name, event.code.event]
    parts += [str(event.client), str(event.subject), str(event.status), str(dict(event.facts))]
    if exchange is not None:
        headers = exchange.scope["headers"]
        parts += _target(exchange)
        parts += [f"{k.decode('latin-1')}={v.decode('latin-1')}" for k, v in headers]
        parts += exchange.inputs
    if error is not None:
        parts += traceback.format_exception(error)
    return (" ".join(parts) + "\n").encode("utf-8", "backslashreplace")


def _target(exchange: Exchange) -> tuple[str, str, str]:
    scope = exchange.scope
    query = unquote_plus(scope.get("query_string", b"").decode("latin-1"))
    return str(scope.get("method")), str(scope.get("path")), query


def _as_it_is(_record: object, _redactor: object) -> None:
    """Log a record as it is."""


#: What this layer puts in the place of guarded implementations.
SEAMS: Final[Seams] = {logs.REDACTION: _as_it_is}
