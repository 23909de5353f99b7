"""ATTACKS I03, I04 and I06, second stage: no program starts after the freeze."""
# The old ways to start a program are what is attacked with.
# pyright: reportDeprecated=false

import asyncio
import ctypes
import multiprocessing
import os
import pty
import subprocess
import sys
import timeit
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import uvloop

from ringfence.boundary.processes import denial
from ringfence.boundary.processes.commands import Parameter, declare, run
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from tests.careless import seams

ECHO = declare("/bin/echo", Parameter("word"))


class Nowhere:
    def emit(self, event: Event) -> None: ...


@pytest.fixture
def frozen() -> Iterator[None]:
    denial.freeze()
    yield
    denial.thaw()


@pytest.fixture
def boundary_off() -> Iterator[None]:
    exchange = Exchange(
        {},
        request_id="r",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        seams=seams(Layer.BOUNDARY),
        sink=Nowhere(),
    )
    token = current.set(exchange)
    yield
    current.reset(token)


def spawn_by_multiprocessing() -> None:
    multiprocessing.get_context("fork").Process(target=print).start()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "subprocess.run": lambda: subprocess.run(["/bin/true"], check=False),
    "subprocess.run shell": lambda: subprocess.run("true", shell=True, check=False),  # noqa: S602, S607  # the attack
    "subprocess.getoutput": lambda: subprocess.getoutput("true"),  # noqa: S605, S607  # the attack
    "os.system": lambda: os.system("true"),  # noqa: S605, S607  # the attack
    "os.popen": lambda: os.popen("true").close(),  # noqa: S605, S607  # the attack
    "os.execv": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606  # the attack
    "os.posix_spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "os.spawnv": lambda: os.spawnv(os.P_WAIT, "/bin/true", ["true"]),  # noqa: S606  # the attack
    "os.fork": os.fork,
    "os.forkpty": os.forkpty,
    "pty.spawn": lambda: pty.spawn("/bin/true"),
    "multiprocessing": spawn_by_multiprocessing,
    "ctypes.CDLL": lambda: ctypes.CDLL("libc.so.6"),
    "ctypes symbol": lambda: ctypes.pythonapi["system"],
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_way_to_start_a_program_is_left(frozen: None, attempt: str) -> None:
    with pytest.raises(Refused, match="process.denied"):
        ATTEMPTS[attempt]()


async def test_a_thread_of_an_executor_is_denied_too(frozen: None) -> None:
    """Ledger 41: context variables are not copied there, so denial must not hang on one."""
    loop = asyncio.get_running_loop()
    with pytest.raises(Refused, match="process.denied"):
        await loop.run_in_executor(None, ATTEMPTS["subprocess.run shell"])


async def test_asyncio_s_own_way_is_denied(frozen: None) -> None:
    with pytest.raises(Refused, match="process.denied"):
        await asyncio.create_subprocess_shell("true")


def test_uvloop_which_starts_programs_in_c_is_denied(frozen: None) -> None:
    async def attack() -> None:
        with pytest.raises(Refused, match="process.denied"):
            await asyncio.create_subprocess_shell("true")
        with pytest.raises(Refused, match="process.denied"):
            await asyncio.create_subprocess_exec("/bin/true")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(attack())


async def test_the_command_runner_is_let_through(frozen: None) -> None:
    assert (await run(ECHO, word="hello")).output == b"hello\n"


def test_the_command_runner_is_let_through_on_uvloop(frozen: None) -> None:
    async def use() -> bytes:
        return (await run(ECHO, word="hello")).output

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(use()) == b"hello\n"


def test_only_the_approved_argument_list_starts(frozen: None) -> None:
    with denial.approved(["/bin/echo", "a"]):
        for words in (["/bin/echo", "b"], ["/bin/echo"], ["/bin/sh", "-c", "a"]):
            with pytest.raises(Refused):
                subprocess.run(words, check=False)
        with pytest.raises(Refused):
            subprocess.run(["/bin/echo", "a"], executable="/bin/true", check=False)
        with pytest.raises(Refused):
            subprocess.run("/bin/echo a", shell=True, check=False)  # noqa: S602  # the attack
        assert subprocess.run(["/bin/echo", "a"], check=False, stdout=-3).returncode == 0


async def test_another_task_does_not_share_the_approval(frozen: None) -> None:
    async def attack() -> None:
        with pytest.raises(Refused):
            subprocess.run(["/bin/echo", "a"], check=False)  # noqa: ASYNC221  # denied at once

    attacker = asyncio.create_task(attack())
    with denial.approved(["/bin/echo", "a"]):
        await attacker


def test_with_the_layer_off_a_shell_starts(frozen: None, boundary_off: None) -> None:
    assert os.system("true") == 0  # noqa: S605, S607  # the attack


def test_before_the_freeze_and_after_the_thaw_a_shell_starts() -> None:
    denial.freeze()
    denial.freeze()
    denial.thaw()
    with pytest.raises(Refused):
        os.system("true")  # noqa: S605, S607  # the attack
    denial.thaw()
    assert os.system("true") == 0  # noqa: S605, S607  # the attack


def test_an_event_that_is_not_ours_costs_next_to_nothing(frozen: None) -> None:
    """The hook itself, as Python calls it; the bound of 0.2 µs holds on an idle machine."""
    hook: Callable[[str, tuple[Any, ...]], None] = denial._hook
    best = min(timeit.repeat(lambda: hook("import", ()), number=20_000, repeat=5)) / 20_000
    assert best < 1e-6


def test_the_hook_is_installed_once() -> None:
    script = (
        "import sys\n"
        "from unittest.mock import patch\n"
        "from ringfence.boundary.processes import denial\n"
        "added = []\n"
        "with patch('sys.addaudithook', added.append):\n"
        "    denial.freeze(); denial.thaw(); denial.freeze()\n"
        "print(len(added))\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert run.stdout == b"1\n"
