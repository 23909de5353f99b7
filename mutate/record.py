"""Which test runs which line, and how long it takes: recorded once for a state of the tree.

A plugin of pytest, loaded by ``trials`` with ``-p mutate.record``. A test that starts a process is
noted as such: what runs over there is not seen, so it may notice anything.
"""

import json
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import coverage
import pytest

from mutate.source import PACKAGE, ROOT, Source

#: The environment's variable that says where the record goes.
FILE: Final = "MUTATE_RECORD"

_state: dict[str, Any] = {"current": "", "seconds": {}, "started": set()}


def pytest_configure() -> None:
    """Begin before the first module of the library is imported."""
    _state["coverage"] = measured = coverage.Coverage(
        data_file=f"{os.environ[FILE]}.coverage",
        config_file=False,
        source=[str(ROOT / PACKAGE)],
        concurrency=["thread", "greenlet"],
    )
    measured.erase()
    measured.start()
    sys.addaudithook(_note_processes)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """One context for the test and its fixtures."""
    _state["current"] = item.nodeid
    _state["coverage"].switch_context(item.nodeid)
    began = time.perf_counter()
    try:
        return (yield)
    finally:
        _state["seconds"][item.nodeid] = round(time.perf_counter() - began, 4)
        _state["coverage"].switch_context("")
        _state["current"] = ""


def pytest_unconfigure() -> None:
    """Write the record: for each module, the tests of each line."""
    measured: coverage.Coverage = _state["coverage"]
    measured.stop()
    measured.save()
    names = list(_state["seconds"])
    numbers = {name: number for number, name in enumerate(names)}
    data = measured.get_data()
    lines: dict[str, dict[str, list[int]]] = {}
    for file in data.measured_files():
        module = str(Path(file).relative_to(ROOT / PACKAGE))
        lines[module] = {
            str(line): sorted(numbers[name] for name in contexts if name in numbers)
            for line, contexts in data.contexts_by_lineno(file).items()
        }
    record = {
        "tests": names,
        "seconds": [_state["seconds"][name] for name in names],
        "starts": sorted(numbers[name] for name in _state["started"] if name in numbers),
        "lines": lines,
        "sources": {module: Source(module).digest for module in lines},
    }
    Path(os.environ[FILE]).write_text(json.dumps(record))
    Path(f"{os.environ[FILE]}.coverage").unlink(missing_ok=True)


def _note_processes(event: str, _arguments: tuple[object, ...]) -> None:
    if event in {"subprocess.Popen", "os.posix_spawn"} and _state["current"]:
        _state["started"].add(_state["current"])
