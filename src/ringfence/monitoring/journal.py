"""The log of one process: lines of JSON, and readable ones for a person at a terminal."""

import contextlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias

from ringfence.core.codes import CODES
from ringfence.core.errors import ConfigurationError
from ringfence.core.event import Event
from ringfence.monitoring import terminal
from ringfence.monitoring.record import MOST_BYTES, line, record
from ringfence.monitoring.redaction import Redactor
from ringfence.monitoring.sink import STANDARD_OUTPUT, Descriptor, Lines, LogFile, Write

Show: TypeAlias = Callable[[str], None]


class _Render(Protocol):
    def __call__(self, made: Mapping[str, Any], *, colour: bool) -> str: ...


class Journal:
    """Takes records and puts them where they are read. Neither waits nor raises.

    Args:
        write: Takes one line, or raises OSError and leaves it to us.
        show: Takes one readable line.
        release: Lets go of what ``write`` writes to.
    """

    def __init__(
        self,
        write: Write | None = None,
        show: Show | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self._lines: Final = Lines(write) if write else None
        self._show: Final = show
        self._release: Final = release
        self._requests: list[bytes] = []  # lines that leave together
        self._requests_bytes = 0
        self.lost = 0  # records that could not even be made

    @property
    def trouble(self) -> str:
        """Why lines wait or were lost; empty when all is well."""
        return self._lines.trouble if self._lines else ""

    def event(self, made: Mapping[str, Any]) -> None:
        """Write the record of an event."""
        self._put(made, terminal.event)

    def log(self, made: Mapping[str, Any]) -> None:
        """Write a record of the process's own logging."""
        self._put(made, terminal.log)

    @property
    def has_onlooker(self) -> bool:
        """Whether somebody sees each request."""
        return self._show is not None

    def show_request(self, made: Mapping[str, Any]) -> None:
        """Show the record of a request to whoever looks on."""
        self._shown(made, terminal.request)

    def request(self, encoded: bytes) -> None:
        """Keep the line of a request until ``flush``: one write is enough for many."""
        if self._lines:
            if self._requests_bytes + len(encoded) > MOST_BYTES:
                self.flush()
            self._requests.append(encoded)
            self._requests_bytes += len(encoded)

    def flush(self) -> None:
        """Write the requests. Where lines wait already, they are lost: events need the room."""
        requests, self._requests, self._requests_bytes = self._requests, [], 0
        if not requests or not self._lines:
            return
        if self._lines.trouble:
            self.lost += len(requests)
        else:
            self._lines.put(b"".join(requests))

    def retry(self) -> None:
        """Write what waits, if that is possible now."""
        self.flush()
        if self._lines and self._lines.retry():
            self._own_up(self._lines)

    def close(self) -> None:
        """Write what waits, and let go."""
        self.retry()
        if self._release:
            self._release()

    def _put(self, made: Mapping[str, Any], render: _Render) -> None:
        if self._lines:
            self._lines.put(line(made))
            self._own_up(self._lines)
        self._shown(made, render)

    def _shown(self, made: Mapping[str, Any], render: _Render) -> None:
        if self._show:
            with contextlib.suppress(OSError):  # nobody looks on any more
                self._show(render(made, colour="NO_COLOR" not in os.environ))

    def _own_up(self, lines: Lines) -> None:
        """Write how many events were lost, once the log takes lines again (Ledger 44)."""
        lost = self.lost + lines.lost
        if lost and not lines.trouble:
            self.lost = lines.lost = 0
            event = Event(at=datetime.now(UTC), code=CODES["events.lost"], facts={"count": lost})
            lines.put(line(record(event, Redactor())))


def open_journal(log: str, console: int = STANDARD_OUTPUT) -> Journal:
    """The journal that the settings name.

    Args:
        log: A file; ``-`` for the console.
        console: The descriptor that may be a terminal.

    Raises:
        ConfigurationError: The file cannot be opened.
    """
    show = _onlooker(console) if os.isatty(console) else None
    if log != "-":
        try:
            file = LogFile(log)
        except OSError as error:
            raise ConfigurationError(f"RINGFENCE_LOG: {error.strerror}") from error
        return Journal(file, show, file.close)
    return Journal(show=show) if show else Journal(Descriptor(console))


def _onlooker(console: int) -> Show:
    def show(text: str) -> None:
        os.write(console, text.encode("utf-8", "backslashreplace") + b"\n")

    return show
