"""A contestant's server, seen from outside: a process of its own on a core of its own."""

import json
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Final, Self

from bench.contest import Query, Request
from bench.cores import serving


class Server:
    """``python -m bench.serve`` until the end of the block.

    Args:
        name: Of the contestant.
        query: How the order is fetched.
        people: Accounts, and requests that come back.
    """

    def __init__(self, name: str, *, query: Query = "sqlite3", people: int = 1) -> None:
        command = [sys.executable, "-m", "bench.serve"]
        command += [name, query, str(people), str(serving())]
        self._process: Final = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None  # noqa: S101  # asked for above
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(f"the contestant {name} did not start")
        told: dict[str, Any] = json.loads(line)
        self.port: Final[int] = told["port"]
        self.requests: Final = tuple(Request(**each) for each in told["requests"])
        # clock_getcpuclockid(3): every thread of that process.
        self._clock: Final = (~self._process.pid << 3) | 2

    def cpu(self) -> float:
        """Seconds of CPU that the process has used."""
        return time.clock_gettime(self._clock)

    def stop(self) -> None:
        """End the process; it cleans up its folder."""
        self._process.terminate()
        self._process.communicate()

    def __enter__(self) -> Self:
        """Nothing more: it serves."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()
