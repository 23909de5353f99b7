"""Starting ``worker`` and reading what it says."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Worker:
    """A running worker process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []

    def hear(self, lines: int) -> None:
        """Wait until it has said so many lines more."""
        assert self.process.stdout is not None
        for _ in range(lines):
            line = self.process.stdout.readline()
            assert line, f"ended with {self.process.wait()} after {self.said[-3:]}"
            self.said.append(line.strip())

    def hear_out(self) -> int:
        """Wait until it ends; what it said is complete then."""
        assert self.process.stdout is not None
        self.said += [line.strip() for line in self.process.stdout]
        return self.process.wait()

    def kill(self) -> None:
        """``kill -9``, and hear what it had said until then."""
        self.process.kill()
        self.hear_out()

    def names(self, kind: str) -> list[str]:
        return [line.split()[1] for line in self.said if line.startswith(f"{kind} ")]


@contextmanager
def worker(command: str, url: str, prefix: str = "") -> Generator[Worker]:
    """A worker process that ends with the block at the latest."""
    arguments = [sys.executable, "-m", "tests.contract.worker", command, url, prefix]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Worker(process)
        finally:
            process.kill()
