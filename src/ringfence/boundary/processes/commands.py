r"""The command runner: declared programs, argument lists, no shell (ATTACKS I03; ASVS 1.2.5).

A command is declared when the application starts, as an absolute path and a list whose open places
are ``Parameter``s. That declaration is the allow-list: inside a request none can be added. A value
fills exactly one place of the list and can be neither an option (a leading ``-`` is refused) nor a
second command, because no shell reads it.

    THUMBNAIL = declare("/usr/bin/head", "-c", "4096", "--", Parameter("name", r"\w+\.png"))
    result = await run(THUMBNAIL, name="cat.png")

The program gets an environment of its own, no input, its own process group, a time limit and an
output limit.
"""

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from ringfence.boundary.processes import denial
from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError
from ringfence.core.exchange import current, refusal, trace
from ringfence.core.seam import Seam

#: Visible characters: no control characters, so no NUL and no new line.
PRINTABLE: Final = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+"

#: Programs that read a command line of their own out of an argument.
SHELLS: Final = frozenset(
    (
        "ash",
        "bash",
        "busybox",
        "csh",
        "dash",
        "env",
        "fish",
        "ksh",
        "sh",
        "sudo",
        "tcsh",
        "xargs",
        "zsh",
    )
)

_CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Parameter:
    """An open place in a declared command: one value, which must match ``pattern`` as a whole."""

    name: str
    pattern: str = PRINTABLE
    limit: int = 255  # characters

    def refuses(self, value: object) -> bool:
        """Whether ``value`` must not become an argument."""
        return (
            not isinstance(value, str)
            or len(value) > self.limit
            or value.startswith("-")
            or re.fullmatch(self.pattern, value) is None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program that may run, and with what. Made by ``declare``."""

    program: str
    arguments: tuple[str | Parameter, ...]
    folder: Path  # where it runs
    environment: Mapping[str, str] = field(repr=False)  # all that it gets
    timeout: timedelta
    output_limit_bytes: int  # of standard output and standard error each


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a command that has ended. Its own failure is a ``status``, not an error."""

    status: int
    output: bytes
    errors: bytes


def declare(
    program: str | Path,
    *arguments: str | Parameter,
    folder: Path = Path("/"),
    environment: Mapping[str, str] | None = None,
    timeout: timedelta = timedelta(seconds=10),
    output_limit_bytes: int = 1_048_576,
) -> Command:
    """Allow one program with this argument list.

    Raises:
        ConfigurationError: The path is not absolute, not executable or a shell, or a request is
            being answered: the data of a request must never decide what may run.
    """
    path = os.fspath(program)
    if current.get() is not None:
        raise ConfigurationError("a command is declared at start, not inside a request")
    if Path(path).name in SHELLS:
        raise ConfigurationError(f"{path} reads commands from its arguments; declare the program")
    if not Path(path).is_absolute() or not os.access(path, os.X_OK):
        raise ConfigurationError(f"{path} is not the absolute path of a program")
    return Command(
        program=path,
        arguments=arguments,
        folder=folder,
        environment={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", **(environment or {})},
        timeout=timeout,
        output_limit_bytes=output_limit_bytes,
    )


async def run(command: Command, **values: str) -> Result:
    """Run a declared command with a value for each of its parameters.

    Raises:
        Refused: ``command.refused`` for a value that may not be an argument; ``command.failed``
            if the program took too long or wrote too much.
        TypeError: The values are not the command's parameters.
    """
    names = {part.name for part in command.arguments if isinstance(part, Parameter)}
    if names != values.keys():
        raise TypeError(f"the command takes {sorted(names)}")
    return await RUNNER.current()(command, values)


def argument_list(command: Command, values: Mapping[str, object]) -> tuple[str, ...]:
    """The words to start, program first. Raises ``command.refused``."""
    words = [command.program]
    for part in command.arguments:
        if isinstance(part, str):
            words.append(part)
            continue
        value = values[part.name]
        if part.refuses(value):
            raise refusal("command.refused", parameter=part.name)
        words.append(str(value))
    return tuple(words)


async def _execute(command: Command, values: Mapping[str, object]) -> Result:
    trace("command.run")
    words = argument_list(command, values)
    with denial.approved(words):
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=command.folder,
            env=dict(command.environment),
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(command.timeout.total_seconds()):
            output, errors = await asyncio.gather(
                _read(process.stdout, command.output_limit_bytes),
                _read(process.stderr, command.output_limit_bytes),
            )
            status = await process.wait()
    except BaseException as error:
        await _kill(process)
        if isinstance(error, TimeoutError):
            raise refusal("command.failed", reason="time limit") from None
        raise
    return Result(status=status, output=output, errors=errors)


async def _read(stream: asyncio.StreamReader | None, limit_bytes: int) -> bytes:
    data = bytearray()
    while stream is not None and (chunk := await stream.read(_CHUNK_BYTES)):
        data += chunk
        if len(data) > limit_bytes:
            raise refusal("command.failed", reason="output limit")
    return bytes(data)


async def _kill(process: Process) -> None:
    """End the program and what it started: its whole process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


#: Who starts a declared command, with a value for each of its parameters. Raises as ``run``.
RUNNER: Final = Seam[Callable[[Command, Mapping[str, object]], Awaitable[Result]]](
    Layer.BOUNDARY, _execute
)
