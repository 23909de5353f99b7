"""How far a run is: the table as it fills, or plain lines where nobody looks at a terminal."""

import shutil
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TextIO

from ringfence.attack.about import duration
from ringfence.attack.outcome import Run

_WIDTH: Final = 30
#: Seconds between two plain lines, and between two pictures of the table.
_LINE_EVERY: Final = 15.0
_DRAW_EVERY: Final = 0.25
#: Below this share of what is to be done, the starts of applications are most of the time.
_EARLY: Final = 0.05

_UP: Final = "\x1b[{}F"  # to the start of the line so many lines above
_ERASE: Final = "\x1b[J"  # everything from here on


class Drawn(Protocol):
    """What shows the runs that there are, as lines."""

    def __call__(self, runs: Mapping[str, Mapping[str, Run]]) -> list[str]: ...


class Progress:
    """Shows on ``stream`` what was found so far, and how long the rest may take.

    Args:
        stream: Where it is shown; a terminal gets the table, anything else a line now and then.
        steps: How many there are; ``more`` adds to them.
        drawn: Makes the table.
        clock: Seconds.
    """

    def __init__(
        self,
        stream: TextIO,
        steps: int,
        drawn: Drawn,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream: Final = stream
        self._steps = steps
        self._drawn: Final = drawn
        self._clock: Final = clock
        self._terminal: Final = stream.isatty()
        self._started: Final = clock()
        self._last = clock() - _LINE_EVERY if self._terminal else clock()
        self._done = 0
        self._lines = 0  # of the picture that stands on the terminal
        self._runs: Final[dict[str, dict[str, Run]]] = {}
        self._show("starting")

    def more(self, steps: int) -> None:
        """There is more to do than was known."""
        self._steps += steps

    def __call__(self, configuration: str, attack: str, run: Run | None) -> None:
        """One step is done; ``run`` is None for honest use."""
        self._done += 1
        if run is not None:
            self._runs.setdefault(attack, {})[configuration] = run
        self._show(f"{attack}, off: {configuration}")

    def close(self) -> None:
        """Take the picture away."""
        if self._terminal:
            self._stream.write(self._cleared())
            self._stream.flush()

    def _show(self, what: str) -> None:
        now = self._clock()
        if now - self._last < (_DRAW_EVERY if self._terminal else _LINE_EVERY):
            return
        self._last = now
        if self._terminal:
            self._draw(f"{self._bar()}  {what}")
        else:
            self._stream.write(f"{self._share():4.0%}  {self._times()}\n")
        self._stream.flush()

    def _draw(self, bar: str) -> None:
        size = shutil.get_terminal_size()
        lines = [*self._drawn(self._runs), bar[: size.columns - 1]]
        if len(lines) >= size.lines:  # what has left the screen cannot be drawn again
            lines = lines[-1:]
        self._stream.write(self._cleared() + "".join(f"{line}\n" for line in lines))
        self._lines = len(lines)

    def _cleared(self) -> str:
        return _UP.format(self._lines) + _ERASE if self._lines else ""

    def _share(self) -> float:
        return min(1.0, self._done / self._steps) if self._steps else 1.0

    def _bar(self) -> str:
        full = round(self._share() * _WIDTH)
        return f"{'█' * full}{'░' * (_WIDTH - full)} {self._share():4.0%}  {self._times()}"

    def _times(self) -> str:
        """How long it has taken, and what the rest takes if it is like what was done."""
        seconds, share = self._clock() - self._started, self._share()
        if share < _EARLY:
            return duration(seconds)
        return f"{duration(seconds)}, about {duration(seconds / share - seconds)} left"
