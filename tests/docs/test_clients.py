"""``docs/clients.md`` works: its programs, run as they stand there against a service that runs."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.contract.test_serve import free_port, line, serving
from tests.docs.pages import ROOT, blocks

PAGE = (ROOT / "docs/clients.md").read_text()
LOGIN, PASSWORD = "alice@example.com", "violet kettle orbits quietly"
PROGRAMS = blocks(PAGE, "python")
STANDALONE = PROGRAMS[-1]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    """A service with one account; where it answers."""
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    with serving(folder, port) as process:
        line(process)
        environment = {
            **os.environ,
            "RINGFENCE_ENV": "test",
            "RINGFENCE_MAIL": "file:mail",
            "RINGFENCE_ORIGIN": f"http://127.0.0.1:{port}",
        }
        script = "import sys; from ringfence.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", script, "users", "create", LOGIN]
        subprocess.run(
            command, cwd=folder, env=environment, input=PASSWORD + "\n", text=True, check=True
        )
        yield port


def run(program: str, port: int, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program.replace("8000", str(port)))
    return subprocess.run(
        [sys.executable, "program.py"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=["ringfence.client", "30 lines"])
def test_every_program_of_the_page_signs_in(program: str, port: int, tmp_path: Path) -> None:
    done = run(program, port, tmp_path)
    assert (done.stdout, done.stderr) == (f"{LOGIN}\n", "")


def test_the_client_in_30_lines_makes_the_keys_of_the_vectors(tmp_path: Path) -> None:
    vectors = json.loads((ROOT / "docs/vectors/client_key.json").read_text())["vectors"]
    functions, _, _ = STANDALONE.partition("def sign_in")
    program = f"""{functions}
import json
for vector in json.loads({json.dumps(json.dumps(vectors))}):
    print(client_key(vector["password"], vector["salt"], dict(vector, alg="argon2id", len=32)))
"""
    done = run(program, 0, tmp_path)
    assert done.stderr == ""
    assert done.stdout.split() == [vector["client_key"] for vector in vectors]


def test_it_is_a_client_in_30_lines() -> None:
    """But for imports and blank lines."""
    lines = [each for each in STANDALONE.splitlines() if each.strip()]
    assert len([each for each in lines if not each.startswith(("import ", "from "))]) <= 30
