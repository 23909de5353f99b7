"""``ringfence keys rotate``."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ringfence.storage.keys import load_or_create
from tests.unit.cli.conftest import Shell


def test_a_key_is_published_before_it_signs_and_the_rotation_is_written_down(shell: Shell) -> None:
    before = datetime.now(UTC)
    load_or_create(Path("keys"))
    made = shell.json("keys", "rotate")
    keys = load_or_create(Path("keys"))
    assert [key.kid for key in keys.signing][1:] == [made["kid"]]
    assert datetime.fromisoformat(made["signs_from"]) - before >= timedelta(minutes=9)
    assert keys.signer(before) == keys.signing[0]
    (event,) = shell.events
    assert (event["code"], event["facts"]["key"]) == ("keys.rotated", made["key"])


def test_a_second_rotation_at_once_signs_after_the_first(shell: Shell) -> None:
    load_or_create(Path("keys"))
    first = shell.json("keys", "rotate")
    second = shell.json("keys", "rotate")
    assert second["signs_from"] > first["signs_from"]


def test_the_other_kinds_are_rotated_by_name(shell: Shell) -> None:
    load_or_create(Path("keys"))
    assert shell.json("keys", "rotate", "--kind", "pepper") == {"key": "pepper-2.key"}
    made = shell.json("keys", "rotate", "--kind", "sealing")
    assert made["key"].startswith("sealing-")
    assert "seals_from" in made


def test_a_key_that_leaked_goes_at_once(shell: Shell) -> None:
    load_or_create(Path("keys"))
    made = shell.json("keys", "rotate", "--at-once")
    assert [key.kid for key in load_or_create(Path("keys")).signing] == [made["kid"]]


def test_a_pepper_never_goes_at_once(shell: Shell) -> None:
    """Every password that was set with it would be wrong."""
    load_or_create(Path("keys"))
    assert shell.run("keys", "rotate", "--kind", "pepper", "--at-once") == 1
    assert set(load_or_create(Path("keys")).peppers) == {1}


def test_without_keys_there_is_nothing_to_rotate(shell: Shell) -> None:
    assert shell.run("keys", "rotate") == 1
    assert shell.err == "keys cannot be used: No such file or directory\n"


def test_who_depends_on_which_pepper_is_counted(shell: Shell) -> None:
    """Issue 9, B6: nothing said when an older pepper is needed no more."""
    load_or_create(Path("keys"))
    shell.json("users", "create", "alice@example.com", "--no-password")
    assert shell.json("keys", "status") == {"passwords": {}}
