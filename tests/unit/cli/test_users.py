"""Administration without a web page: every change is asked for, done, and written down."""

import asyncio
import io
import sys
from datetime import UTC, datetime, timedelta

import pytest

from ringfence.authn.factors import Challenge, Totp
from ringfence.cli.installation import opened
from tests.unit.cli.conftest import Shell

PASSWORD = "violet kettle orbits quietly"


@pytest.fixture(autouse=True)
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input that is no terminal, with a password in its first line."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))


def test_an_account_is_created_with_its_password_from_standard_input(shell: Shell) -> None:
    made = shell.json("users", "create", " Alice@Example.com ", "--name", "Alice")
    assert made == {
        "id": made["id"],
        "login": "alice@example.com",
        "name": "Alice",
        "roles": ["user"],
        "disabled": False,
        "password": True,
        "mfa": False,
        "mfa_reset_at": None,
    }
    (event,) = shell.events
    assert event["code"] == "account.created"
    assert event["facts"]["account"] == made["id"]
    assert event["facts"]["operator"]
    assert "alice@" not in (shell.folder / "log").read_text()
    assert PASSWORD not in (shell.folder / "log").read_text()


def test_the_password_is_judged_like_any_other(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("too short\n"))
    assert shell.run("users", "create", "alice@example.com") == 1
    assert shell.err == "The password is too short: it takes 15 characters. (password.too_short)\n"
    assert shell.json("users", "list") == {"items": [], "next": None}


def test_a_password_typed_twice_must_be_the_same(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([PASSWORD, PASSWORD + "!"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(answers))
    assert shell.run("users", "create", "alice@example.com") == 1
    assert shell.err == "the two passwords differ\n"


def test_an_account_without_a_password_waits_for_its_owner_to_set_one(shell: Shell) -> None:
    roles = ["--role", "admin", "--role", "support"]
    made = shell.json("users", "create", "carol@example.com", "--no-password", *roles)
    assert (made["password"], made["roles"]) == (False, ["admin", "support"])


def test_a_login_is_taken_once(shell: Shell) -> None:
    shell.json("users", "create", "alice@example.com", "--no-password")
    assert shell.run("users", "create", "ALICE@example.com", "--no-password") == 1
    assert shell.err == "alice@example.com has an account already\n"


def test_a_new_database_is_told_of(shell: Shell) -> None:
    """Whoever stands in another folder than the application's would wonder where the account is."""
    shell.run("users", "list")
    assert shell.made == f"made {shell.folder / 'ringfence.sqlite'}"
    shell.made = ""
    shell.run("users", "list")
    assert shell.made == ""


def test_what_is_no_address_is_no_login(shell: Shell) -> None:
    assert shell.run("users", "create", "alice", "--no-password") == 1
    assert shell.err == "This is not an e-mail address. (login.malformed)\n"


def test_the_list_is_for_people_too(shell: Shell) -> None:
    first = shell.json("users", "create", "alice@example.com")["id"]
    second = shell.json("users", "create", "bo@example.com", "--no-password")["id"]
    assert shell.run("users", "list") == 0
    assert sorted(shell.out.splitlines()) == [
        f"alice@example.com  {first}  user",
        f"bo@example.com     {second}  user  no password",
    ]


def test_a_long_list_is_whole(shell: Shell) -> None:
    for number in range(3):
        shell.json("users", "create", f"user{number}@example.com", "--no-password")
    assert len(shell.json("users", "list")["items"]) == 3


@pytest.mark.parametrize("by", ["login", "id"])
def test_an_account_is_disabled_by_login_or_id(shell: Shell, by: str) -> None:
    made = shell.json("users", "create", "alice@example.com", "--no-password")
    assert shell.json("users", "disable", made[by])["disabled"] is True
    assert [event["code"] for event in shell.events] == ["account.created", "account.disabled"]


def test_roles_are_shown_and_replaced(shell: Shell) -> None:
    shell.json("users", "create", "alice@example.com", "--no-password")
    assert shell.json("users", "roles", "alice@example.com")["roles"] == ["user"]
    changed = shell.json("users", "roles", "alice@example.com", "support", "admin")
    assert changed["roles"] == ["admin", "support"]
    created, event = shell.events
    assert event["code"] == "account.roles"
    assert event["facts"]["roles"] == "admin support"
    assert created["facts"]["roles"] == "user"


@pytest.mark.parametrize("role", ["a b", "", "ä", "-x", "a\nb", "x" * 65])
def test_what_is_no_name_of_a_role_is_refused(shell: Shell, role: str) -> None:
    shell.json("users", "create", "alice@example.com", "--no-password")
    assert shell.run("users", "roles", "alice@example.com", "--", role) == 1
    assert shell.err.startswith("no names of roles:")


@pytest.mark.parametrize("words", [("disable", "nobody@example.com"), ("roles", "nobody")])
def test_who_has_no_account_is_named(shell: Shell, words: tuple[str, str]) -> None:
    assert shell.run("users", *words) == 1
    assert shell.err == f"there is no account {words[1]}\n"


def test_without_settings_every_missing_name_is_said(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RINGFENCE_ORIGIN")
    monkeypatch.setenv("RINGFENCE_ORIGEN", "https://secret.example")
    assert shell.run("users", "list") == 1
    assert shell.err.splitlines() == [
        "RINGFENCE_ORIGEN is not known; RINGFENCE_ORIGIN is",
        "RINGFENCE_ORIGIN is missing",
    ]


def test_a_database_that_is_none_is_said_in_a_line(shell: Shell) -> None:
    (shell.folder / "ringfence.sqlite").write_bytes(b"this is no database" * 99)
    assert shell.run("users", "list") == 1
    assert shell.err == "the sqlite store does not answer: SQLITE_NOTADB\n"


def with_totp(shell: Shell) -> str:
    """An account that has an authenticator app."""
    made: str = shell.json("users", "create", "alice@example.com")["id"]

    async def add() -> None:
        async with opened() as installation:
            now = datetime.now(UTC)
            later = now + timedelta(minutes=5)
            asked = Challenge(digest=bytes(32), kind="totp", account=made, expires_at=later)
            app = Totp(account=made, sealed=b"s", pepper=1, step=1, created_at=now)
            await installation.stores.factors.ask(asked)
            assert await installation.stores.factors.add_totp(asked.digest, app)

    asyncio.run(add())
    return made


def test_a_second_factor_is_reset_after_a_delay_and_its_owner_is_told(shell: Shell) -> None:
    with_totp(shell)
    found = shell.json("users", "reset-mfa", "alice@example.com", "--after", "2d")
    at = datetime.fromisoformat(found["mfa_reset_at"])
    assert timedelta(hours=47) < at - datetime.now(UTC) <= timedelta(days=2)
    assert found["mfa"]
    (letter,) = (shell.folder / "mail").glob("*.eml")
    assert f"{at:%Y-%m-%d at %H:%M} UTC" in letter.read_text()
    assert [event["code"] for event in shell.events][-1] == "factor.reset_asked"
    assert shell.run("users", "reset-mfa", "alice@example.com", "--after", "1h") == 1
    assert "reset under way" in shell.err


def test_a_reset_is_called_off(shell: Shell) -> None:
    made = with_totp(shell)
    shell.json("users", "reset-mfa", made)
    assert shell.json("users", "reset-mfa", made, "--cancel")["mfa_reset_at"] is None
    assert [event["code"] for event in shell.events][-1] == "factor.reset_off"
    assert shell.run("users", "reset-mfa", made, "--cancel") == 1
    assert shell.err == "alice@example.com has no reset under way\n"


def test_there_is_nothing_to_reset(shell: Shell) -> None:
    shell.json("users", "create", "alice@example.com")
    assert shell.run("users", "reset-mfa", "alice@example.com") == 1
    assert shell.err == "alice@example.com has no second factor\n"
