"""Redaction of the process's own logging: that of the server, the libraries and the application.

Records are redacted where they are made, before any handler or formatter sees them, so that it does
not matter who set up logging, and when. What a record has beside its message (``extra``) is set
later, and nothing here prints it.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from ringfence.core.codes import Layer
from ringfence.core.exchange import current
from ringfence.core.seam import Seam
from ringfence.monitoring import crash
from ringfence.monitoring.record import bounded, escaped, timestamp
from ringfence.monitoring.redaction import Redactor

#: Its formatter reads the arguments one by one.
_ACCESS: Final = "uvicorn.access"
_SERVER: Final = ("uvicorn", "uvicorn.error", _ACCESS)

_MOST_TRACEBACK: Final = 2048

#: Takes time, level, logger, message and, where there are such, the request's ids and exception.
Take: TypeAlias = Callable[[Mapping[str, str]], None]

_formatter: Final = logging.Formatter()


def redact_records(redactor: Redactor) -> Callable[[], None]:
    """Redact every record of this process from here on; returns what ends that."""
    previous = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401  # handed on
        record = previous(*args, **kwargs)
        REDACTION.current()(record, redactor)
        return record

    def restore() -> None:
        if logging.getLogRecordFactory() is factory:
            logging.setLogRecordFactory(previous)

    logging.setLogRecordFactory(factory)
    return restore


def logging_setup(take: Take, level: str) -> None:
    """Let all logging of this process, the server's too, end in ``take``.

    For programs: a library leaves the logging of its process alone, but for ``redact_records``.
    """
    handler = _Handler(take)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _SERVER:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


class _Handler(logging.Handler):
    """Turns what logging formats into a record like those of events."""

    def __init__(self, take: Take) -> None:
        super().__init__()
        self._take: Final = take

    def emit(self, record: logging.LogRecord) -> None:
        made: dict[str, str] = {
            "time": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": bounded(record.getMessage()),
        }
        exchange = current.get()
        if exchange is not None:
            made["request_id"] = exchange.request_id
            if (found := exchange.trace_parent) is not None:
                made["trace_id"], made["parent_id"] = found
        if record.exc_info and not record.exc_text:  # made before redaction began
            record.exc_text = _formatter.formatException(record.exc_info)
        if record.exc_text:
            made["exception"] = record.exc_text[-_MOST_TRACEBACK:]  # the error stands at its end
        self._take(made)


def _redact(record: logging.LogRecord, redactor: Redactor) -> None:
    if record.name == _ACCESS and isinstance(record.args, tuple):
        record.args = tuple(
            escaped(redactor.text(value)) if isinstance(value, str) else value
            for value in record.args
        )
    else:
        record.msg = escaped(redactor.text(_message(record)))
        record.args = ()
    if record.exc_info:
        error = record.exc_info[1]
        record.exc_text = crash.text(error, redactor) if error else None
        record.exc_info = None
    if record.stack_info:
        record.stack_info = redactor.text(record.stack_info)


#: What is done to a record where it is made, with the secrets of the site.
REDACTION: Final = Seam[Callable[[logging.LogRecord, Redactor], None]](Layer.MONITORING, _redact)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # as in logging: who writes a line must not fail for it
        return str(record.msg) if isinstance(record.msg, str) else f"<{type(record.msg).__name__}>"
