"""What the command refuses before anything is started."""

from pathlib import Path

import pytest

from ringfence.cli import main


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "Say what to attack: --demo, or --target NAME.\n"),
        (["--target", "nothing"], 1, "nothing is no target; installed: demo\n"),
        (["--demo", "--only", ","], 1, "--only names no attack; --list shows them\n"),
        (["--demo", "--only", "X99"], 1, "X99 is no attack of the catalogue\n"),
        (["--demo", "--only", "H01"], 1, "H01 is not implemented in this version\n"),
    ],
)
def test_what_cannot_be_attacked_is_said_in_a_line(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attack", *words]) == status
    assert capsys.readouterr().err == said


def test_the_last_report_stays_where_a_run_did_not_finish(tmp_path: Path) -> None:
    last = tmp_path / "report.html"
    last.write_text("the last report")
    assert main(["attack", "--demo", "--only", "X99", "--html", str(last)]) == 1
    assert last.read_text() == "the last report"
    assert [*tmp_path.iterdir()] == [last]


def test_a_report_that_cannot_be_written_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attack", "--demo", "--html", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{tmp_path}: Is a directory\n"
