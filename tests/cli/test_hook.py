"""The pre-commit hook, put in place by the command and run by git."""

from pathlib import Path

import pytest

from tests.cli.repositories import GITHUB, Checkout
from tests.unit.cli.conftest import Shell

pytestmark = pytest.mark.git


@pytest.fixture
def checkout(shell: Shell) -> Checkout:
    made = Checkout(shell.folder)
    made.commit(_gitignore="log\n")
    return made


def hooks(checkout: Checkout) -> Path:
    return checkout.folder / ".git/hooks"


def foreign(checkout: Checkout, status: int = 0, name: str = "pre-commit") -> None:
    """A hook that somebody else wrote; it says that it ran."""
    hook = hooks(checkout) / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch ran\nexit {status}\n")
    hook.chmod(0o755)


def commits(checkout: Checkout) -> int:
    return int(checkout.git("rev-list", "--count", "HEAD"))


def test_a_commit_with_a_secret_is_refused_by_the_hook_and_made_without_it(
    shell: Shell, checkout: Checkout
) -> None:
    checkout.write("notes.txt", f"{GITHUB}\n")
    checkout.git("add", "notes.txt")
    assert shell.run("check", "--install-hook") == 0
    said = checkout.git("commit", "--message=a secret", status=1)
    assert "notes.txt:1: GitHub Token (staged)" in said
    assert GITHUB not in said
    assert commits(checkout) == 1
    (hooks(checkout) / "pre-commit").unlink()
    checkout.git("commit", "--message=a secret")
    assert commits(checkout) == 2


def test_a_commit_without_one_is_made(shell: Shell, checkout: Checkout) -> None:
    shell.run("check", "--install-hook")
    checkout.commit(notes_txt="nothing\n")
    assert commits(checkout) == 2


def test_what_is_committed_in_part_is_what_is_read(shell: Shell, checkout: Checkout) -> None:
    """``git commit FILE`` uses an index of its own."""
    shell.run("check", "--install-hook")
    checkout.commit(one_txt="1\n", two_txt="2\n")
    checkout.write("one.txt", f"{GITHUB}\n")
    checkout.write("two.txt", "3\n")
    checkout.git("commit", "--message=clean", "two.txt")
    checkout.git("commit", "--message=a secret", "one.txt", status=1)
    checkout.git("commit", "--all", "--message=a secret", status=1)


@pytest.mark.parametrize("status", [0, 1])
def test_a_hook_that_was_there_goes_on_to_run_and_to_judge(
    shell: Shell, checkout: Checkout, status: int
) -> None:
    foreign(checkout, status)
    assert shell.run("check", "--install-hook") == 0
    assert "pre-commit.previous" in shell.out
    checkout.write("notes.txt", "nothing\n")
    checkout.git("add", "notes.txt")
    checkout.git("commit", "--message=clean", status=status)
    assert (checkout.folder / "ran").exists()


def test_installing_twice_keeps_the_hook_that_was_there(shell: Shell, checkout: Checkout) -> None:
    foreign(checkout)
    before = (hooks(checkout) / "pre-commit").read_text()
    shell.run("check", "--install-hook")
    assert shell.run("check", "--install-hook") == 0
    assert "is up to date" in shell.out
    assert (hooks(checkout) / "pre-commit.previous").read_text() == before


def test_no_hook_is_lost_where_both_names_are_taken(shell: Shell, checkout: Checkout) -> None:
    foreign(checkout)
    foreign(checkout, name="pre-commit.previous")
    before = {file.name: file.read_text() for file in hooks(checkout).iterdir()}
    assert shell.run("check", "--install-hook") == 1
    assert "is taken: join them" in shell.err
    assert {file.name: file.read_text() for file in hooks(checkout).iterdir()} == before


def test_hooks_that_other_repositories_share_are_not_touched(
    shell: Shell, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = tmp_path_factory.mktemp("shared")
    checkout.git("config", "core.hooksPath", str(shared))
    assert shell.run("check", "--install-hook") == 1
    assert "which other repositories share" in shell.err
    assert not list(shared.iterdir())


def test_a_folder_of_hooks_in_the_repository_is_used(shell: Shell, checkout: Checkout) -> None:
    checkout.git("config", "core.hooksPath", "hooks")
    assert shell.run("check", "--install-hook") == 0
    assert (checkout.folder / "hooks" / "pre-commit").exists()


def test_a_folder_called_ringfence_in_the_repository_is_not_run(
    shell: Shell, checkout: Checkout
) -> None:
    """Python would look there first for the package, if it were not told otherwise."""
    shell.run("check", "--install-hook")
    checkout.commit(ringfence__cli_py="raise SystemExit('taken over')\n", notes_txt="nothing\n")
    checkout.write("notes.txt", f"{GITHUB}\n")
    checkout.git("add", "notes.txt")
    assert "GitHub Token" in checkout.git("commit", "--message=a secret", status=1)


def test_outside_of_a_repository_there_is_nothing_to_install(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("bare"))
    assert shell.run("check", "--install-hook") == 1
    assert shell.err == "this folder is in no git repository\n"
