"""How far a run of the tests is: a line now and then, for whoever waits for all of them.

A plugin, ``-p tests.progress --progress NAME``. The lines go to where standard error led before
pytest took it. How long the rest takes is what was done so far, by weight: a test of the mark
``proof`` takes its share of the seconds that the mark gives its module, any other one what its
kind mostly takes.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

_EVERY_SECONDS: Final = 15.0
_BY_MARK: Final = {"slow": 5.0, "browser": 1.5, "postgres": 0.1}
_ELSE: Final = 0.03
_EARLY: Final = 0.05  # below this share nothing can be said of the rest

#: Standard error as it is when plugins are loaded: pytest takes it afterwards.
_SHOWN: Final = os.dup(2)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the run."""
    parser.addoption("--progress", metavar="NAME", help="say now and then how far this run is")


def pytest_configure(config: pytest.Config) -> None:
    """Start, if a name is given."""
    if name := config.getoption("--progress"):
        config.pluginmanager.register(Progress(name, lambda line: os.write(_SHOWN, line.encode())))


class Progress:
    """Says how far the run called ``name`` is.

    Args:
        name: What each line begins with.
        write: Takes a line.
        clock: Seconds.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name: Final = name
        self._write: Final = write
        self._clock: Final = clock
        self._started = self._last = clock()
        self._weights: dict[str, float] = {}
        self._done = 0
        self._done_weight = 0.0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Weigh what is to be run."""
        modules = Counter(item.path for item in session.items)
        self._weights = {item.nodeid: _weight(item, modules[item.path]) for item in session.items}
        self._started = self._last = self._clock()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """One more is done."""
        self._done += 1
        self._done_weight += self._weights.get(nodeid, 0.0)
        now = self._clock()
        if now - self._last >= _EVERY_SECONDS:
            self._last = now
            self._write(f"{self._line(now - self._started)}\n")

    def _line(self, seconds: float) -> str:
        share = self._done_weight / sum(self._weights.values())
        counted = f"{self._done:,} of {len(self._weights):,} tests"
        said = f"  … {self._name:<8}{share:4.0%}  {counted}, {_duration(seconds)}"
        if share < _EARLY:
            return said
        return f"{said}, about {_duration(seconds / share - seconds)} left"


def _weight(item: pytest.Item, in_its_module: int) -> float:
    proof = item.get_closest_marker("proof")
    if proof is not None:
        return float(proof.args[0]) / in_its_module
    return max([_ELSE, *(weight for mark, weight in _BY_MARK.items() if mark in item.keywords)])


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
