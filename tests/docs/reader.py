"""Somebody who follows ``docs/your-app.md``: types what it shows, into a shell, in a new folder."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.docs.pages import ROOT, blocks

PAGE = (ROOT / "docs/your-app.md").read_text()
PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """The page, with a port that is free here, and the folder in which it is followed."""

    page: str
    folder: Path
    programs: str  # where the shell finds what the page starts

    @classmethod
    def at(cls, folder: Path) -> "Reader":
        """Begin: the application stands in ``notes.py``."""
        programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
        if shutil.which("curl") is None:
            programs.insert(0, str(_curl(folder / "programs")))
        page = PAGE.replace("8000", str(_free_port()))
        (folder / "notes.py").write_text(blocks(page, "python")[0])
        return cls(page=page, folder=folder, programs=os.pathsep.join(programs))

    @property
    def origin(self) -> str:
        """Where the page says that the application answers."""
        (found,) = re.findall(r"^export RINGFENCE_ORIGIN=(\S+)$", self.page, re.MULTILINE)
        return str(found)

    def shown(self, beginning: str) -> str:
        """The ``sh`` block that begins so."""
        (found,) = (block for block in blocks(self.page, "sh") if block.startswith(beginning))
        return found

    def types(self, command: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        """Type a command and, where it asks, an answer."""
        return subprocess.run(
            self._shell(command),
            cwd=self.folder,
            env=self._environment,
            input=answer,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    @contextmanager
    def running(self) -> Generator[httpx2.Client]:
        """The application, from its first answer until Ctrl-C."""
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(
                self._shell("exec " + self.shown("uvicorn ")),
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.PIPE,
                text=True,
            ) as process,
            httpx2.Client(base_url=self.origin) as client,
        ):
            try:
                _wait_until_it_answers(process)
                yield client
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=PATIENCE_SECONDS)

    @property
    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RINGFENCE_")}
        return {**kept, "PATH": self.programs}

    def _shell(self, command: str) -> list[str]:
        """A shell with the page's settings."""
        return ["sh", "-c", f"{self.shown('export ')}\n{command}"]


def _wait_until_it_answers(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if "Uvicorn running on" in line:
            return
    pytest.fail("".join(said))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _curl(folder: Path) -> Path:
    """A folder with a program called ``curl``, for machines that have none."""
    folder.mkdir()
    program = folder / "curl"
    program.write_text(f"#!{sys.executable}\n{(ROOT / 'tests/docs/curl.py').read_text()}")
    program.chmod(0o700)
    return folder
