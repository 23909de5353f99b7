"""How far a run is said to be."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.progress import Progress


class Item:
    """A test, by its marks."""

    def __init__(self, nodeid: str, *marks: pytest.Mark) -> None:
        self.nodeid = nodeid
        self.path = Path(nodeid.partition("::")[0])
        self.keywords = {mark.name: mark for mark in marks}

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return self.keywords.get(name)


def lines(times: list[float], *items: Item) -> list[str]:
    """What is said while ``items`` end at these times, each the seconds since the start."""
    said: list[str] = []
    clock: Iterator[float] = iter([0.0, 0.0, *times])
    progress = Progress("tests", said.append, lambda: next(clock))
    progress.pytest_collection_finish(cast("Any", SimpleNamespace(items=items)))
    for item in items[: len(times)]:
        progress.pytest_runtest_logfinish(item.nodeid)
    return said


def test_a_line_says_what_is_done_and_how_long_the_rest_may_take() -> None:
    items = [Item(f"a.py::{n}") for n in range(4)]
    (line,) = lines([14.9, 20.0], *items)
    assert line == "  … tests    50%  2 of 4 tests, 20 s, about 20 s left\n"


def test_a_proof_counts_for_the_seconds_of_its_module() -> None:
    proof = pytest.mark.proof(90).mark
    items = [
        Item("a.py::1", proof),
        Item("a.py::2", proof),
        Item("b.py::1", pytest.mark.proof(10).mark),
    ]
    (line,) = lines([90.0], *items)
    assert line == "  … tests    45%  1 of 3 tests, 1 min 30 s, about 1 min 50 s left\n"


def test_at_the_very_start_nothing_is_estimated() -> None:
    items = [Item(f"a.py::{n}") for n in range(100)]
    assert lines([20.0], *items) == ["  … tests     1%  1 of 100 tests, 20 s\n"]


def test_lines_come_every_fifteen_seconds_and_not_more_often() -> None:
    items = [Item(f"a.py::{n}") for n in range(9)]
    assert lines([float(n) for n in range(9)], *items) == []
    assert len(lines([15.0, 16.0, 30.0, 31.0], *items)) == 2
