"""Every measurement runs from end to end, with counts so small that the numbers mean nothing."""

import json
import math
from typing import Any

import pytest

from bench import __main__ as bench
from bench.measure import SMOKE, Section

pytestmark = pytest.mark.proof(20)


@pytest.mark.parametrize("name", bench.SECTIONS)
def test_a_section_measures_something_on_each_of_its_lines(name: str) -> None:
    section = bench.SECTIONS[name](SMOKE)
    assert section.lines
    assert all(len(line.rounds) == SMOKE.rounds for line in section.lines)
    assert all(math.isfinite(value) for line in section.lines for value in line.rounds)


def test_the_command_prints_one_object_with_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = {name: lambda _, name=name: Section(name=name, title="", lines=()) for name in "abc"}
    monkeypatch.setattr(bench, "SECTIONS", empty)
    assert bench.main("--json", "--only", "a,c") == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert list(printed) == ["a", "c"]


def test_a_section_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main("--only", "orders,speed") == 2
    assert "there is no speed; there are orders, pipeline" in capsys.readouterr().err
