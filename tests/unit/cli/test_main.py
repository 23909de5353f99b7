"""The command line says what is wrong in words, and imports nothing that it does not need."""

import subprocess
import sys

import pytest

from ringfence.cli import COMMANDS, main


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in COMMANDS)


@pytest.mark.parametrize("words", [[], ["nothing"], ["demo", "--port", "x"], ["demo", "--nothing"]])
def test_wrong_arguments_are_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ringfence")


def test_a_problem_is_a_line_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["boundaries", "not an application"]) == 1
    assert capsys.readouterr().err == "not an application is not module:attribute\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: ringfence {command}")


def test_asking_for_help_imports_no_framework() -> None:
    script = (
        "import sys\n"
        "from ringfence.cli import main\n"
        "try: main(['demo', '--help'])\n"
        "except SystemExit: pass\n"
        "print({'fastapi', 'sqlalchemy', 'starlette'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("set()\n")
