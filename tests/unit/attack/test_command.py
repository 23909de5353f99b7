"""What the command refuses before anything is started."""

import pytest

from ringfence.cli import main


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "Say what to attack: --demo, or --target NAME.\n"),
        (["--target", "nothing"], 1, "nothing is no target; installed: demo\n"),
        (["--demo", "--only", "X99"], 1, "X99 is no attack of the catalogue\n"),
        (["--demo", "--only", "H01"], 1, "H01 is not implemented in this version\n"),
    ],
)
def test_what_cannot_be_attacked_is_said_in_a_line(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attack", *words]) == status
    assert capsys.readouterr().err == said
