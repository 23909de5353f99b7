"""An installation in a folder of its own, as a person at the command line has it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ringfence.cli import main


@dataclass
class Shell:
    """Runs commands in process and keeps what they said."""

    folder: Path
    capfd: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""
    made: str = ""

    def run(self, *words: str) -> int:
        status = main(words)
        self.out, self.err = self.capfd.readouterr()
        if self.err.startswith("made "):  # the database, the first time
            self.made, _, self.err = self.err.partition("\n")
        return status

    def json(self, *words: str) -> Any:
        assert self.run(*words, "--json") == 0, self.err
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What stands in the log."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "ENV": "test",
        "ORIGIN": "http://127.0.0.1:8000",
        "MAIL": "file:mail",
        "LOG": "log",
    }.items():
        monkeypatch.setenv(f"RINGFENCE_{name}", value)
    return Shell(tmp_path, capfd)
