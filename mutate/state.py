"""What was found so far. A run that is stopped goes on where it was."""

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from mutate.source import ROOT

#: Git ignores this folder.
FOLDER: Final = ROOT / ".mutate"

#: By name of the control: the test that noticed last time. Committed, so that a sample is quick.
NOTICED: Final = ROOT / "mutate/noticed.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Who noticed that one control was gone."""

    test: str = ""  # that failed first; "" where none did
    hung: bool = False  # nothing failed, and it did not end: nothing is decided
    attack: str | None = None  # that got through; "" where none did, None where none was tried
    source: str = ""  # digest of the module
    seconds: float = 0.0

    @property
    def noticed(self) -> bool:
        """Whether anybody noticed."""
        return bool(self.test or self.attack)


@dataclass
class State:
    """Results by name of the control, kept in a file."""

    file: Path
    results: dict[str, Result] = field(default_factory=dict[str, Result])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, file: Path) -> "State":
        """What an earlier run has left, if there was one."""
        state = cls(file)
        if file.exists():
            written: dict[str, Any] = json.loads(file.read_text())
            state.results = {name: Result(**result) for name, result in written.items()}
        return state

    def put(self, name: str, result: Result) -> None:
        """Keep a result, on the disk too."""
        with self._lock:
            self.results[name] = result
            text = json.dumps({n: asdict(r) for n, r in self.results.items()}, indent=0)
            new = self.file.with_suffix(".new")
            new.write_text(text)
            new.rename(self.file)


def known() -> dict[str, str]:
    """The test that noticed each control last time."""
    return json.loads(NOTICED.read_text()) if NOTICED.exists() else {}
