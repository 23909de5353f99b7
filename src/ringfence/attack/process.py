"""An application that is to be attacked, as a process of its own.

It is told a key on its standard input, and says its origin on standard output once it answers. It
lives as long as its standard input is open, and so never longer than who started it.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from ringfence.core.errors import ConfigurationError

_PATIENCE_SECONDS: Final = 90.0


@contextlib.asynccontextmanager
async def process(
    module: str, words: Sequence[str], settings: Mapping[str, str], *, key: str
) -> AsyncGenerator[str]:
    """Run ``python -m module words`` inside the block; gives the origin that it says.

    It inherits the environment but for ``RINGFENCE_…``; ``settings`` are added.

    Raises:
        ConfigurationError: It did not start; with what it said.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RINGFENCE_")}
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *words,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**inherited, **settings},
        start_new_session=True,  # Ctrl-C is for us; we then end the process
    )
    try:
        yield await _origin(started, key)
    finally:
        if started.stdin is not None:
            started.stdin.close()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await started.wait()
        except TimeoutError:
            started.kill()
            await started.wait()


async def _origin(started: asyncio.subprocess.Process, key: str) -> str:
    if started.stdin is None or started.stdout is None or started.stderr is None:
        raise ConfigurationError("the application has no pipes")
    started.stdin.write(f"{key}\n".encode())
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            said = await started.stdout.readline()
    except TimeoutError:
        raise ConfigurationError("the application did not start in time") from None
    if not said:
        reason = (await started.stderr.read()).decode("utf-8", "replace").strip()
        raise ConfigurationError(f"the application did not start: {reason}")
    return said.decode().strip()
