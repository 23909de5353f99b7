"""How far a run is, on one line of a terminal."""

import time
from typing import Final, TextIO

_WIDTH: Final = 30


class Progress:
    """A bar on ``stream``; silent where that is no terminal."""

    def __init__(self, stream: TextIO, steps: int) -> None:
        self._stream: Final = stream
        self._steps: Final = steps
        self._shown: Final = stream.isatty()
        self._started: Final = time.monotonic()
        self._done = 0
        self._show("starting")

    def __call__(self, configuration: str, attack: str) -> None:
        """One step is done."""
        self._done += 1
        self._show(f"{attack}, off: {configuration}")

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _show(self, what: str) -> None:
        if not self._shown:
            return
        share = min(1.0, self._done / self._steps) if self._steps else 1.0
        full = round(share * _WIDTH)
        bar = "█" * full + "░" * (_WIDTH - full)
        seconds = int(time.monotonic() - self._started)
        self._stream.write(f"\r\x1b[K{bar} {share:4.0%}  {seconds:3d} s  {what}")
        self._stream.flush()
