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
    assert (event["code"], event["facts"]["kid"]) == ("keys.rotated", made["kid"][:8])


def test_a_second_rotation_at_once_signs_after_the_first(shell: Shell) -> None:
    load_or_create(Path("keys"))
    first = shell.json("keys", "rotate")
    second = shell.json("keys", "rotate")
    assert second["signs_from"] > first["signs_from"]


def test_without_keys_there_is_nothing_to_rotate(shell: Shell) -> None:
    assert shell.run("keys", "rotate") == 1
    assert shell.err == "keys cannot be used: No such file or directory\n"
