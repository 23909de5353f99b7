"""Administration without a web page: who does what to accounts and limits, and who is told."""

import email
import io
import os
import sys
from datetime import timedelta
from email.policy import default

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ringfence import Ringfence, allow, limit, signed_in
from ringfence.authn import route_limits
from tests.unit.cli.conftest import Shell

ORIGIN = "http://127.0.0.1:8000"
ALICE = "alice@example.com"
PASSWORD = "violet kettle orbits quietly"
SAME = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def alice(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an account with a password."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    return shell.json("users", "create", ALICE)["id"]


class Client(TestClient):
    """The service of the folder that we are in, and who uses it."""

    token = ""


def service() -> Client:
    return Client(Ringfence(Starlette()), base_url=ORIGIN, headers=SAME)


def sign_in(client: Client, login: str = ALICE, password: str = PASSWORD) -> int:
    body = {"login": login, "password": password}
    answer = client.post("/auth/sign-in", json=body)
    if answer.status_code == 200:
        client.token = f"Bearer {answer.json()['access_token']}"
    return answer.status_code


def is_known(client: Client) -> bool:
    """Whether the token of the last sign-in that succeeded is taken."""
    headers = {"authorization": client.token}
    return client.get("/auth/me", headers=headers).status_code == 200


def letters(shell: Shell) -> list[tuple[str, str, str]]:
    """To, subject and text of every mail."""
    found = [
        email.message_from_bytes(file.read_bytes(), policy=default)
        for file in sorted((shell.folder / "mail").glob("*.eml"))
    ]
    return [(each["To"], each["Subject"], each.get_content()) for each in found]


def reset(client: Client, text: str, password: str) -> int:
    """Follow the link in ``text``."""
    token = text.partition("#token=")[2].split()[0]
    body = {"token": token, "password": password}
    return client.post("/auth/password/reset", json=body).status_code


def last(shell: Shell) -> tuple[str, str]:
    """The code and the operator of the newest event."""
    event = shell.events[-1]
    return event["code"], event["facts"]["operator"]


def test_who_is_disabled_is_out_at_once_and_back_when_enabled(shell: Shell, alice: str) -> None:
    with service() as client:
        assert sign_in(client) == 200
        shell.json("users", "disable", ALICE, "--operator", "night shift")
        assert last(shell) == ("account.disabled", "night shift")
        assert not is_known(client)
        assert sign_in(client) == 401
        assert shell.json("users", "enable", ALICE, "--operator", "day shift")["disabled"] is False
        assert last(shell) == ("account.enabled", "day shift")
        assert not is_known(client)
        assert sign_in(client) == 200


def test_who_is_deleted_is_out_at_once_and_for_good(shell: Shell, alice: str) -> None:
    with service() as client:
        sign_in(client)
        assert shell.json("users", "delete", ALICE, "--yes", "--operator", "dpo")["id"] == alice
        assert last(shell) == ("account.deleted", "dpo")
        assert not is_known(client)
        assert sign_in(client) == 401
    assert shell.json("users", "list")["items"] == []


def test_deleting_is_confirmed(shell: Shell, alice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell.run("users", "delete", ALICE) == 1
    assert shell.err == "say --yes: nobody can be asked here\n"
    stdin = io.StringIO("\n")
    monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)
    assert shell.run("users", "delete", ALICE) == 1
    assert shell.err == "nothing was deleted\n"
    assert len(shell.json("users", "list")["items"]) == 1


def test_sessions_are_shown_and_one_of_them_is_ended(shell: Shell, alice: str) -> None:
    with service() as phone, service() as laptop:
        phone.headers["user-agent"] = "A phone"
        assert (sign_in(phone), sign_in(laptop)) == (200, 200)
        items = shell.json("users", "sessions", ALICE)["items"]
        assert len(items) == 2
        stolen = next(each["id"] for each in items if each["user_agent"] == "A phone")
        assert shell.run("users", "sessions", alice) == 0
        assert stolen in shell.out
        shell.json("users", "end-sessions", ALICE, "--session", stolen, "--operator", "help desk")
        assert last(shell) == ("sessions.ended", "help desk")
        assert stolen not in (shell.folder / "log").read_text()
        assert not is_known(phone)
        assert is_known(laptop)
        assert shell.run("users", "end-sessions", ALICE, "--session", stolen) == 1
        assert shell.err == f"{ALICE} has no such session\n"


def test_an_account_is_signed_out_everywhere_or_everybody_is(shell: Shell, alice: str) -> None:
    shell.json("users", "create", "bob@example.com", "--no-password")
    with service() as client:
        sign_in(client)
        assert shell.json("users", "end-sessions", ALICE) == {"accounts": [alice]}
        assert not is_known(client)
        sign_in(client)
        assert len(shell.json("users", "end-sessions", "--all")["accounts"]) == 2
        assert not is_known(client)


@pytest.mark.parametrize(
    "words", [(), (ALICE, "--all"), ("--all", "--session", "x"), ("--session", "x")]
)
def test_whose_sessions_end_is_said_once(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.run("users", "end-sessions", *words) == 1
    assert shell.err == "either an account or --all\n"


def test_a_link_to_choose_a_password_is_mailed_and_works_once(shell: Shell, alice: str) -> None:
    with service():
        shell.json("users", "reset-link", ALICE, "--operator", "help desk")
        assert last(shell) == ("password.reset_asked", "help desk")
    ((to, _, text),) = letters(shell)  # the service sends what waits before it ends
    assert to == ALICE
    with service() as client:
        assert reset(client, text, "quince lantern drifts nearby") == 204
        assert reset(client, text, "another quince drifts nearby") == 400
        assert sign_in(client) == 401
        assert sign_in(client, password="quince lantern drifts nearby") == 200


def test_a_link_is_printed_only_when_it_is_asked_for(shell: Shell, alice: str) -> None:
    shell.run("users", "reset-link", ALICE)
    assert "token=" not in shell.out
    shell.run("users", "reset-link", ALICE, "--print")
    assert shell.out.startswith(f"{ORIGIN}/auth/reset#token=rf_ln_")
    assert "rf_ln_" not in (shell.folder / "log").read_text()
    with service():
        pass
    assert len(letters(shell)) == 1


def test_who_is_disabled_gets_no_link(shell: Shell, alice: str) -> None:
    shell.json("users", "disable", ALICE)
    assert shell.run("users", "reset-link", ALICE) == 1
    assert shell.err == f"{ALICE} is disabled\n"


def test_a_changed_login_needs_a_new_password_and_both_addresses_are_told(
    shell: Shell, alice: str
) -> None:
    """ASVS 6.3.7."""
    with service() as client:
        sign_in(client)
        changed = shell.json("users", "change-login", ALICE, " Alice@Example.NET ")
        assert (changed["login"], changed["password"]) == ("alice@example.net", False)
        assert last(shell)[0] == "account.login"
        assert not is_known(client)
        assert sign_in(client) == 401
        assert sign_in(client, "alice@example.net") == 401
    (old, _, told), (new, _, text) = sorted(letters(shell))
    assert (old, new) == (ALICE, "alice@example.net")
    assert "token=" not in told
    assert "example.net" not in told  # whoever reads the old mailbox learns nothing
    with service() as client:
        assert reset(client, text, "quince lantern drifts nearby") == 204
        assert sign_in(client, "alice@example.net", "quince lantern drifts nearby") == 200
    log = (shell.folder / "log").read_text()
    assert "alice@" not in log


def test_a_login_of_somebody_else_is_not_taken_away(shell: Shell, alice: str) -> None:
    shell.json("users", "create", "bob@example.com", "--no-password")
    assert shell.run("users", "change-login", ALICE, "bob@example.com") == 1
    assert shell.err == "bob@example.com has an account already\n"
    assert letters(shell) == []


def test_a_mail_of_an_operators_waits_for_a_relay_that_is_away(
    shell: Shell, alice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 9, B8: both commands spoke to the relay themselves, and what failed was lost."""
    usual = os.environ["RINGFENCE_MAIL"]
    monkeypatch.setenv("RINGFENCE_MAIL", "smtp://127.0.0.1:1")
    assert shell.run("users", "reset-link", ALICE) == 0
    assert shell.run("users", "change-login", ALICE, "alice@example.net") == 0
    waiting = {(each["kind"], each["login"]) for each in shell.json("mail", "list")["items"]}
    assert waiting == {("reset", ALICE), ("changed", ALICE), ("reset", "alice@example.net")}
    monkeypatch.setenv("RINGFENCE_MAIL", usual)
    with service():
        pass
    assert {to for to, _, _ in letters(shell)} == {ALICE, "alice@example.net"}
    assert shell.json("mail", "list")["items"] == []


def test_the_last_role_is_taken_away(shell: Shell, alice: str) -> None:
    assert shell.json("users", "roles", ALICE, "--none", "--operator", "hr")["roles"] == []
    assert last(shell) == ("account.roles", "hr")
    assert shell.run("users", "roles", ALICE, "admin", "--none") == 1
    assert shell.err == "either roles or --none\n"
    assert shell.json("users", "roles", ALICE)["roles"] == []


# -------------------------------------------------------------------------------------- limits


def test_who_has_to_wait_is_listed_and_let_in(shell: Shell, alice: str) -> None:
    with service() as client:
        statuses = [sign_in(client, password=f"wrong {number:020}") for number in range(11)]
        assert statuses == [*[401] * 10, 429]
        listed = {each["key"] for each in shell.json("limits", "list")["items"]}
        assert any(key.startswith("signin:address:") for key in listed)
        of_alice = shell.json("limits", "list", "--account", ALICE)["items"]
        assert {each["key"].rpartition(":")[0] for each in of_alice} == {"signin:account"}
        assert ALICE not in shell.out
        assert sign_in(client) == 429
        assert shell.json("limits", "clear", "--account", ALICE) == {"cleared": 1}
        assert sign_in(client) == 429  # the address has to wait as well
        cleared = shell.json("limits", "clear", "--all", "--operator", "help desk")
        assert cleared["cleared"] >= 1
        assert last(shell) == ("limits.cleared", "help desk")
        assert sign_in(client) == 200


def test_the_limits_of_one_address_are_cleared_and_no_other(shell: Shell, alice: str) -> None:
    with service() as client:
        sign_in(client, password=f"wrong {1:020}")
    key = next(
        each["key"]
        for each in shell.json("limits", "list")["items"]
        if each["key"].startswith("signin:address:")
    )
    mine = key.removeprefix("signin:address:")
    assert shell.json("limits", "list", "--address", "192.0.2.7")["items"] == []
    assert shell.json("limits", "clear", "--address", "192.0.2.7") == {"cleared": 0}
    kept = {each["key"] for each in shell.json("limits", "list", "--address", mine)["items"]}
    assert key in kept or mine == "unknown"


def test_limits_on_the_application_s_routes_are_listed_and_cleared_as_well(
    shell: Shell, alice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route_limits, "_SECOND", timedelta(0))  # for so long a refusal is kept

    @allow(signed_in)
    @limit("1/h", by="account")
    async def report(_request: object) -> PlainTextResponse:
        return PlainTextResponse("report")

    app = Ringfence(Starlette(routes=[Route("/report/{id:int}", report)]))
    with Client(app, base_url=ORIGIN, headers=SAME) as client:
        assert sign_in(client) == 200

        def asked() -> int:
            return client.get("/report/1", headers={"authorization": client.token}).status_code

        assert [asked(), asked()] == [200, 429]
        listed = {each["key"] for each in shell.json("limits", "list", "--account", ALICE)["items"]}
        assert f"route:GET, HEAD /report/{{id=int}} 1/h account:{alice}" in listed
        assert shell.json("limits", "clear", "--account", ALICE)["cleared"] >= 1
        assert [asked(), asked()] == [200, 429]


def test_the_networks_that_an_account_is_known_on_are_no_limits(shell: Shell, alice: str) -> None:
    with service() as client:
        assert sign_in(client) == 200
    keys = {each["key"] for each in shell.json("limits", "list")["items"]}
    assert not any(key.startswith("signin:known:") for key in keys)


def test_whose_limits_are_cleared_has_to_be_said(
    shell: Shell, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        shell.run("limits", "clear")
    assert "one of the arguments --account --address --all is required" in capfd.readouterr().err
