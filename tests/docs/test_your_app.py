"""``docs/your-app.md``, followed word for word; only the port is another one.

The application, the settings, the commands and what they print are taken from the page itself.
"""

import ast
import inspect
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.responses import RedirectResponse

from ringfence import Refused
from ringfence.core import settings
from tests.docs.pages import ROOT, blocks, commands, rows

PAGE = (ROOT / "docs/your-app.md").read_text()
ALICE, BOB = "alice@example.com", "bob@example.com"
PASSWORD = "violet kettle orbits quietly"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who follows the page in an empty folder."""

    folder: Path
    page: str
    programs: str  # where the shell looks for what the page starts

    @classmethod
    def new(cls, folder: Path) -> "Reader":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
        if shutil.which("curl") is None:
            programs.insert(0, str(_curl(folder / "programs")))
        reader = cls(
            folder=folder, page=PAGE.replace("8000", str(port)), programs=os.pathsep.join(programs)
        )
        (folder / "notes.py").write_text(blocks(reader.page, "python")[0])
        return reader

    @property
    def origin(self) -> str:
        (found,) = re.findall(r"^export RINGFENCE_ORIGIN=(\S+)$", self.page, re.MULTILINE)
        return str(found)

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RINGFENCE_")}
        return kept | {"PATH": self.programs}

    def script(self, command: str) -> list[str]:
        """``command`` in a shell that has the page's settings."""
        (exports,) = self._sh("export ")
        return ["sh", "-c", f"{exports}\n{command}"]

    def shows(self, beginning: str) -> str:
        """The one ``sh`` block that begins so."""
        (block,) = self._sh(beginning)
        return block

    def types(self, command: str, standard_input: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.script(command),
            cwd=self.folder,
            env=self.environment,
            input=standard_input,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def runs(self) -> Generator[httpx2.Client]:
        """The application, from its first answer until Ctrl-C."""
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(
                self.script("exec " + self.shows("uvicorn ")),
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.PIPE,
                text=True,
            ) as process,
            httpx2.Client(base_url=self.origin) as client,
        ):
            assert process.stderr is not None
            said: list[str] = []
            for line in process.stderr:
                said.append(line)
                if "Uvicorn running on" in line:
                    break
            else:
                pytest.fail("".join(said))
            try:
                yield client
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=10)

    def is_refused(self, **environment: str) -> str:
        """What a start says that does not come about."""
        done = subprocess.run(
            self.script("".join(f"{k}={v}\n" for k, v in environment.items()) + self._unset()),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        return done.stderr

    def _unset(self) -> str:
        return self.shows("uvicorn ")

    def _sh(self, beginning: str) -> list[str]:
        return [block for block in blocks(self.page, "sh") if block.startswith(beginning)]
