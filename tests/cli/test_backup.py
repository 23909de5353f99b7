"""A backup is made while the service runs, and whoever restores it revives nobody by accident."""

import io
import json
import shutil
import sqlite3
import stat
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from ringfence import Ringfence, allow, signed_in
from ringfence.storage import open_stores
from ringfence.storage.keys import load_or_create
from tests.unit.cli.conftest import Shell

ORIGIN = "https://shop.example"
PASSWORD = "violet kettle orbits quietly"
COOKIE = "__Host-rf_refresh"


@pytest.fixture(autouse=True)
def under_tls(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_ORIGIN", ORIGIN)


@contextmanager
def running() -> Generator[TestClient]:
    """The service of the folder that we are in."""

    @allow(signed_in)
    async def nothing(_request: object) -> None: ...

    app = Ringfence(Starlette(routes=[Route("/", nothing)]))
    with TestClient(app, base_url=ORIGIN, headers={"sec-fetch-site": "same-origin"}) as client:
        yield client


def create(shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    return shell.json("users", "create", f"{name}@example.com")["id"]


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> dict[str, str]:
    """The headers and the refresh token of a new session; empty if it is refused."""
    client.cookies.clear()
    body = {"login": f"{name}@example.com", "password": password}
    answer = client.post("/auth/sign-in", json=body)
    if answer.status_code != 200:
        return {}
    token = client.cookies[COOKIE]
    client.cookies.clear()
    return {"authorization": f"Bearer {answer.json()['access_token']}", "refresh": token}


def is_alive(client: TestClient, session: dict[str, str]) -> bool:
    """Whether the access token is taken."""
    return client.get("/auth/me", headers=bearer(session)).status_code == 200


def renews(client: TestClient, session: dict[str, str]) -> bool:
    """Whether the refresh token is taken."""
    headers = {"cookie": f"{COOKIE}={session['refresh']}"}
    answer = client.post("/auth/refresh", headers=headers)
    client.cookies.clear()
    return answer.status_code == 200


def bearer(session: dict[str, str]) -> dict[str, str]:
    return {"authorization": session["authorization"]}


def another_machine(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new folder with the keys, which were kept apart, and the log; the old machine is gone."""
    folder = tmp_path_factory.mktemp("machine")
    shutil.copytree(shell.folder / "keys", folder / "keys")
    shutil.copy(shell.folder / "log", folder / "old-log")
    return folder


def test_the_machine_is_lost(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions that were ended before the backup stay ended, and those ended since are ended."""
    create(shell, monkeypatch, "alice")
    with running() as client:
        before, since, kept = (sign_in(client, "alice") for _ in range(3))
        client.post("/auth/sign-out", headers=bearer(before))
        backup = tmp_path_factory.mktemp("elsewhere") / "backup"
        assert shell.run("backup", str(backup)) == 0  # while the service runs
        client.post("/auth/sign-out", headers=bearer(since))
        assert is_alive(client, kept)
    monkeypatch.chdir(another_machine(shell, tmp_path_factory))

    assert shell.run("restore", str(backup), "--end-all-sessions") == 0
    with running() as client:
        assert sign_in(client, "alice")
        for session in (before, since, kept):
            assert not is_alive(client, session)
            assert not renews(client, session)


def test_sessions_that_are_kept_come_back_and_with_them_those_that_were_ended(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the question is for: the log of the time since makes the difference."""
    create(shell, monkeypatch, "alice")
    create(shell, monkeypatch, "bob")
    with running() as client:
        ended, kept = sign_in(client, "alice"), sign_in(client, "bob")
        backup = tmp_path_factory.mktemp("elsewhere") / "backup"
        shell.run("backup", str(backup))
        client.post("/auth/sign-out-everywhere", headers=bearer(ended))
        assert not is_alive(client, ended)
    machine = another_machine(shell, tmp_path_factory)
    monkeypatch.chdir(machine)

    assert shell.run("restore", str(backup), "--keep-sessions") == 0
    with running() as client:
        assert is_alive(client, ended)
        assert is_alive(client, kept)
    words = ("restore", str(backup), "--keep-sessions", "--replace", "--log", "old-log")
    assert shell.run(*words) == 0
    with running() as client:
        assert not is_alive(client, ended)
        assert not renews(client, ended)
        assert is_alive(client, kept)
        assert renews(client, kept)


def test_what_the_log_says_was_taken_away_is_taken_away_again(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {name: create(shell, monkeypatch, name) for name in ("alice", "bob", "carol", "dan")}
    shell.json("users", "roles", "carol@example.com", "admin", "user")
    backup = tmp_path_factory.mktemp("elsewhere") / "backup"
    with running() as client:
        alice, dan = sign_in(client, "alice"), sign_in(client, "dan")
        shell.run("backup", str(backup))
        changed = {"current": PASSWORD, "new": "quince lantern drifts nearby"}
        client.post("/auth/password/change", headers=bearer(alice), json=changed)
    shell.json("users", "disable", "bob@example.com")
    shell.json("users", "roles", "carol@example.com", "user")
    monkeypatch.chdir(another_machine(shell, tmp_path_factory))
    answer = shell.json("restore", str(backup), "--keep-sessions", "--log", "old-log")
    assert answer["from_logs"] == {
        "sessions_ended_of": 0,
        "passwords_dropped": 1,
        "disabled": 1,
        "deleted": 0,
        "roles": 1,
    }
    found = {each["id"]: each for each in shell.json("users", "list")["items"]}
    assert found[ids["bob"]]["disabled"]
    assert found[ids["carol"]]["roles"] == ["user"]
    assert not found[ids["alice"]]["password"]
    with running() as client:
        assert not sign_in(client, "alice")  # neither the old password nor the new one
        assert not sign_in(client, "bob")
        assert not is_alive(client, alice)
        assert is_alive(client, dan)


def test_a_copy_of_the_file_alone_has_nothing_of_what_is_in_the_log(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command is for: SQLite calls such a copy sound, and the account is not in it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with running() as client:
        client.get("/readyz")
        create(shell, monkeypatch, "alice")
        shutil.copy("ringfence.sqlite", folder / "copied")
        shell.run("backup", str(folder / "backup"))
    count = "SELECT count(*) FROM accounts"
    assert query(folder / "copied", "PRAGMA integrity_check") == ["ok"]
    assert query(folder / "copied", count) == [0]
    assert query(folder / "backup", count) == [1]


def test_a_backup_is_for_its_owner_and_holds_no_key(shell: Shell) -> None:
    shell.run("migrate")
    load_or_create(Path("keys"))
    assert shell.run("backup", "backup") == 0
    assert stat.S_IMODE(Path("backup").stat().st_mode) == 0o600
    content = Path("backup").read_bytes()
    keys = [file.read_bytes() for file in Path("keys").iterdir()]
    assert len(keys) == 5
    assert not any(key in content for key in keys)
    assert {file.name for file in Path().iterdir()} == {
        *("backup", "keys", "log", "ringfence.sqlite", "ringfence.sqlite.lock"),
    }
    assert shell.events[-1]["code"] == "database.saved"


def test_nothing_is_overwritten(shell: Shell) -> None:
    shell.run("migrate")
    load_or_create(Path("keys"))
    shell.run("backup", "backup")
    before = Path("backup").read_bytes()
    assert shell.run("backup", "backup") == 1
    assert shell.err == "backup is there already\n"
    assert Path("backup").read_bytes() == before
    assert shell.run("restore", "backup", "--end-all-sessions") == 1
    assert "ringfence.sqlite is there already" in shell.err


async def test_a_database_that_is_in_use_is_not_replaced(shell: Shell) -> None:
    """Not even one that nobody writes to at the moment."""
    shell.run("migrate")
    load_or_create(Path("keys"))
    shell.run("backup", "backup")
    stores = open_stores("sqlite:///ringfence.sqlite")
    await stores.start()
    await stores.ping()
    words = ("restore", "backup", "--end-all-sessions", "--replace")
    assert shell.run(*words) == 1
    assert shell.err.endswith("is in use: stop the service first\n")
    await stores.close()
    assert shell.run(*words) == 0
    (aside,) = shell.folder.glob("ringfence.sqlite.before-*Z")
    assert query(aside, "SELECT count(*) FROM alembic_version") == [1]


def test_a_log_of_a_lost_database_is_not_played_into_the_restored_one(shell: Shell) -> None:
    shell.run("migrate")
    load_or_create(Path("keys"))
    shell.run("backup", "backup")
    Path("ringfence.sqlite").unlink()
    Path("ringfence.sqlite-wal").write_bytes(b"of another database")
    assert shell.run("restore", "backup", "--end-all-sessions") == 1
    assert "ringfence.sqlite-wal is there already" in shell.err
    assert shell.run("restore", "backup", "--end-all-sessions", "--replace") == 0
    assert not Path("ringfence.sqlite-wal").exists()


def test_without_the_keys_nothing_is_restored(shell: Shell) -> None:
    """The next start would make new ones, and no password would be right."""
    shell.run("migrate")
    shell.run("backup", "backup")
    assert shell.run("restore", "backup", "--end-all-sessions", "--replace") == 1
    assert shell.err == "put the keys back first: there are none in keys\n"
    assert not Path("keys").exists()


def test_with_the_keys_of_another_database_nothing_is_restored(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(shell, monkeypatch, "alice")
    shell.run("backup", "backup")
    shutil.rmtree("keys")
    load_or_create(Path("keys"))
    assert shell.run("restore", "backup", "--end-all-sessions", "--replace") == 1
    assert "keys/pepper-1.key is not the key that the database was made with\n" in shell.err
    assert query(Path("ringfence.sqlite"), "SELECT count(*) FROM accounts") == [1]


@pytest.mark.parametrize("content", [b"", b"no database" * 99])
def test_what_is_no_backup_is_not_restored(shell: Shell, content: bytes) -> None:
    load_or_create(Path("keys"))
    Path("backup").write_bytes(content)
    assert shell.run("restore", "backup", "--end-all-sessions") == 1
    assert shell.err == "backup was not made by ringfence backup\n"


def test_a_copied_database_is_no_backup(shell: Shell) -> None:
    load_or_create(Path("keys"))
    shell.run("migrate")
    shutil.move("ringfence.sqlite", "backup")
    assert shell.run("restore", "backup", "--end-all-sessions") == 1
    assert shell.err == "backup was not made by ringfence backup\n"


def test_a_damaged_backup_is_not_restored(shell: Shell) -> None:
    load_or_create(Path("keys"))
    shell.run("migrate")
    shell.run("backup", "backup")
    Path("ringfence.sqlite").unlink()
    content = bytearray(Path("backup").read_bytes())
    content[4096:8192] = b"\xff" * 4096
    Path("backup").write_bytes(content)
    assert shell.run("restore", "backup", "--end-all-sessions") == 1
    assert "does not answer" in shell.err
    assert not Path("ringfence.sqlite").exists()


@pytest.mark.parametrize(("typed", "ended"), [("\n", True), ("y\n", True), ("n\n", False)])
def test_at_a_terminal_it_is_asked_whether_sessions_end(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, typed: str, *, ended: bool
) -> None:
    load_or_create(Path("keys"))
    shell.run("migrate")
    shell.run("backup", "backup")
    Path("ringfence.sqlite").unlink()
    stdin = io.StringIO(typed)
    monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)
    assert shell.run("restore", "backup") == 0
    assert "End every session? [Y/n]" in shell.out
    assert ("every session is ended" in shell.out) is ended
    assert shell.events[-1]["facts"]["sessions"] == ("ended" if ended else "kept")


def test_elsewhere_it_has_to_be_said(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    load_or_create(Path("keys"))
    shell.run("migrate")
    shell.run("backup", "backup")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert shell.run("restore", "backup") == 1
    assert shell.err == "say --end-all-sessions or --keep-sessions\n"


@pytest.mark.parametrize(("command", "tool"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_on_postgresql_its_own_tools_are_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str, tool: str
) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE", "postgresql://ringfence_app@db.example/shop")
    assert shell.run(command, "file") == 1
    assert tool in shell.err
    assert "docs/backup.md" in shell.err


def test_the_operator_that_is_named_stands_beside_the_user(shell: Shell) -> None:
    shell.run("migrate")
    shell.run("backup", "one", "--operator", "night shift")
    shell.run("backup", "two")
    named, plain = (event["facts"] for event in shell.events)
    assert named["operator"] == "night shift"
    assert named["user"] == plain["operator"]


def query(file: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return [row[0] for row in connection.execute(statement)]


def test_the_answer_is_json_when_it_is_asked_for(shell: Shell) -> None:
    shell.run("migrate")
    shell.run("backup", "backup", "--json")
    assert json.loads(shell.out) == {"file": "backup", "bytes": Path("backup").stat().st_size}
