"""A bar that shows how far an import is, on a terminal and nowhere else."""

import time
from collections.abc import Callable
from typing import Final, TextIO

_WIDTH: Final = 30
_EVERY: Final = 0.1  # seconds
_ERASE: Final = "\r\x1b[K"


class Bar:
    """Draws one line on ``stream``, and takes it away. ``clock`` is in seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream: Final = stream
        self._clock: Final = clock
        self._shown: Final = stream.isatty()
        self._next = clock()

    def draw(self, rows: int, share: float | None) -> None:
        """So many rows are done; ``share`` of all, from 0 to 1, if that is known."""
        if not self._shown or self._clock() < self._next:
            return
        self._next = self._clock() + _EVERY
        counted = f"{rows:,} rows"
        if share is not None:
            full = round(share * _WIDTH)
            counted = f"{'█' * full}{'░' * (_WIDTH - full)} {share:4.0%}  {counted}"
        self._write(_ERASE + counted)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write(_ERASE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
