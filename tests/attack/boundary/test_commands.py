"""ATTACKS I03: a client's value is never a second command and never an option."""

import os
import select
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringfence.boundary.processes.commands import Command, Parameter, argument_list, declare, run
from ringfence.core.codes import CODES, Layer
from ringfence.core.errors import ConfigurationError, Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from tests.careless import seams


class Nowhere:
    def emit(self, event: Event) -> None: ...


def exchange(*off: Layer) -> Exchange:
    return Exchange(
        {},
        request_id="r",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        seams=seams(*off),
        sink=Nowhere(),
    )


@pytest.fixture
def guarded() -> Iterator[Exchange]:
    made = exchange()
    token = current.set(made)
    yield made
    current.reset(token)


@pytest.fixture
def boundary_off() -> Iterator[Exchange]:
    made = exchange(Layer.BOUNDARY)
    token = current.set(made)
    yield made
    current.reset(token)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def show(folder: Path) -> Command:
    """``cat`` in a folder with one file, as a hurried developer would show it."""
    (folder / "cat.txt").write_text("meow")
    return declare("/bin/cat", Parameter("name"), folder=folder)


def python(script: str, **options: Any) -> Command:
    return declare(sys.executable, "-I", "-c", script, **options)


INJECTIONS = [
    "cat.txt; touch marker",
    "cat.txt && touch marker",
    "cat.txt | touch marker",
    "$(touch marker)",
    "`touch marker`",
    "cat.txt & touch marker",
]


@pytest.mark.parametrize("name", INJECTIONS)
async def test_a_second_command_is_read_as_a_file_name(
    show: Command, folder: Path, guarded: Exchange, name: str
) -> None:
    result = await run(show, name=name)
    assert result.status == 1
    assert b"No such file" in result.errors
    assert not (folder / "marker").exists()
    assert guarded.traces == [CODES["command.run"]]


@pytest.mark.parametrize("name", INJECTIONS)
async def test_with_the_layer_off_the_second_command_runs(
    show: Command, folder: Path, boundary_off: Exchange, name: str
) -> None:
    await run(show, name=name)
    assert (folder / "marker").exists()
    (folder / "marker").unlink()
    assert not boundary_off.traces


@pytest.mark.parametrize(
    "value",
    ["-n", "--help", "--output=/etc/cron.d/x", "-", "a\nb", "a\0b", "", "a" * 256, "\ud800"],
)
async def test_an_option_or_a_control_character_is_refused(
    show: Command, guarded: Exchange, value: str
) -> None:
    with pytest.raises(Refused, match="command.refused"):
        await run(show, name=value)


async def test_with_the_layer_off_an_option_is_taken(
    show: Command, folder: Path, boundary_off: Exchange
) -> None:
    assert b"Usage" in (await run(show, name="--help")).output


@pytest.mark.parametrize("value", [None, 1, ["a"], {"a": 1}, b"a"])
def test_a_value_that_is_no_text_is_refused(show: Command, value: object) -> None:
    with pytest.raises(Refused, match="command.refused"):
        argument_list(show, {"name": value})


def test_a_pattern_must_match_as_a_whole() -> None:
    command = declare("/bin/cat", Parameter("name", r"[a-z]+\.txt"))
    assert argument_list(command, {"name": "cat.txt"}) == ("/bin/cat", "cat.txt")
    for value in ("cat.txt\n", "../cat.txt", "cat.txt;x"):
        with pytest.raises(Refused):
            argument_list(command, {"name": value})


async def test_the_program_gets_the_command_s_environment_and_no_other() -> None:
    os.environ["CANARY"] = "leak"
    try:
        printed = (await run(python("import os; print(sorted(os.environ))"))).output
    finally:
        del os.environ["CANARY"]
    assert printed.decode().strip() in {"['LANG', 'PATH']", "['LANG', 'LC_CTYPE', 'PATH']"}


async def test_a_program_that_takes_too_long_is_ended_with_its_children(
    tmp_path: Path,
) -> None:
    pids = tmp_path / "pids"
    script = (
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)"
    )
    with pytest.raises(Refused, match="command.failed") as caught:
        await run(python(script, timeout=timedelta(seconds=1)))
    assert caught.value.facts == {"reason": "time limit"}
    for pid in pids.read_text().split():
        assert _is_gone(int(pid))


async def test_the_output_limit_is_the_last_byte_that_passes() -> None:
    script = "import sys; sys.stdout.write('x' * 1000)"
    assert len((await run(python(script, output_limit_bytes=1000))).output) == 1000
    with pytest.raises(Refused, match="command.failed"):
        await run(python(script, output_limit_bytes=999))


async def test_a_failure_of_the_program_is_its_status() -> None:
    assert (await run(python("raise SystemExit(3)"))).status == 3


def test_a_request_declares_no_command(guarded: Exchange) -> None:
    with pytest.raises(ConfigurationError, match="at start"):
        declare("/bin/cat")


@pytest.mark.parametrize("program", ["/bin/sh", "/usr/bin/env", "/usr/bin/xargs"])
def test_a_shell_is_no_command(program: str) -> None:
    with pytest.raises(ConfigurationError, match="reads commands"):
        declare(program, "-c", Parameter("line"))


@pytest.mark.parametrize("program", ["cat", "bin/cat", "/bin/none", "/etc/passwd", ""])
def test_a_program_is_named_by_its_whole_path_and_is_there(program: str) -> None:
    with pytest.raises(ConfigurationError, match="absolute path"):
        declare(program)


async def test_a_value_is_given_for_every_parameter_and_no_other(show: Command) -> None:
    with pytest.raises(TypeError):
        await run(show)
    with pytest.raises(TypeError):
        await run(show, name="cat.txt", other="x")


def _is_gone(pid: int) -> bool:
    """Ended, within five seconds; whether anybody has reaped it yet does not matter."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 5)[0])
    finally:
        os.close(handle)
