"""Several processes start at once on an empty folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.storage.keys import load_or_create

START = """
import sys
from pathlib import Path
from ringfence.storage.keys import load_or_create
keys = load_or_create(Path(sys.argv[1]))
secrets = (keys.peppers[1], keys.salt, keys.sealing[0].key, keys.log)
print(keys.signing[0].kid, *(secret.reveal().hex() for secret in secrets))
"""


def start(folder: Path, program: str, processes: int = 4) -> set[str]:
    """The keys that so many processes end with."""
    started = [
        subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    answers = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0] * processes
    return set(answers)


@pytest.mark.parametrize("attempt", range(2))
def test_processes_that_start_at_once_end_with_the_same_keys(tmp_path: Path, attempt: int) -> None:
    folder = tmp_path / "keys"
    (answer,) = start(folder, START)
    assert answer.split()[0] == load_or_create(folder).signing[0].kid
