"""How far a run is: drawn on a terminal, in plain lines elsewhere, with an estimate."""

import io
from collections.abc import Mapping

from ringfence.attack.outcome import Run
from ringfence.attack.progress import Progress
from tests.unit.attack.matrices import SILENT


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(runs: Mapping[str, Mapping[str, Run]]) -> list[str]:
    return [f"{attack}: {', '.join(found)}" for attack, found in runs.items()]


def test_where_nobody_looks_at_a_terminal_a_line_now_and_then_says_how_long_it_takes() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, 10, drawn, clock)
    for _ in range(4):
        clock.now += 10
        progress("none", "Z01", SILENT)
    progress.close()
    assert stream.getvalue().splitlines() == [
        " 20%  20 s, about 1 min 20 s left",
        " 40%  40 s, about 1 min 0 s left",
    ]


def test_at_the_very_start_nothing_is_estimated() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, 100, drawn, clock)
    for _ in range(5):
        clock.now += 20
        progress("none", "Z01", SILENT)
    lines = stream.getvalue().splitlines()
    assert lines[3] == "  4%  1 min 20 s"
    assert lines[4] == "  5%  1 min 40 s, about 31 min 40 s left"


def test_what_is_found_to_be_done_as_well_is_in_the_estimate() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, 1, drawn, clock)
    progress.more(3)
    clock.now = 20
    progress("none", "Z01", SILENT)
    assert stream.getvalue() == " 25%  20 s, about 1 min 0 s left\n"


def test_on_a_terminal_the_table_fills_and_is_gone_in_the_end() -> None:
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, 2, drawn, clock)
    clock.now = 5
    progress("none", "Z01", SILENT)
    shown = stream.getvalue()
    assert "Z01: none\n" in shown
    assert " 50%  5 s, about 5 s left  Z01, off: none\n" in shown
    progress.close()
    assert stream.getvalue().removeprefix(shown) == "\x1b[2F\x1b[J"
