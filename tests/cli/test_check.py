"""``ringfence check`` finds what is wrong and changes nothing; PostgreSQL is in ``contract``."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ringfence.storage.keys import load_or_create
from ringfence.storage.migrations import HEAD
from tests.unit.cli.conftest import Shell


@pytest.fixture(autouse=True)
def without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is found: what git says is another file's matter."""
    monkeypatch.setenv("PATH", "")


def check(shell: Shell, name: str, *words: str) -> dict[str, Any]:
    """What one check found."""
    shell.run("check", *words, "--json")
    return next(each for each in json.loads(shell.out)["checks"] if each["check"] == name)


def texts(found: dict[str, Any]) -> list[str]:
    return [problem["text"] for problem in found["problems"]]


def test_a_fresh_installation_is_in_order_and_stays_as_it_is(shell: Shell) -> None:
    assert shell.run("check") == 0
    assert shell.out == (
        "settings     ok           for test\n"
        "credentials  ok\n"
        "keys         ok           made by the next start\n"
        "database     ok           made by the next start\n"
        "clock        ok\n"
        "mail         ok           to a folder\n"
        "files        ok\n"
        "proxies      ok\n"
        "open files   ok\n"
        "git          ok           this folder is in no git repository\n"
    )
    assert not list(shell.folder.iterdir())


def test_an_installation_that_runs_is_described(shell: Shell) -> None:
    assert shell.run("migrate") == 0
    shell.json("users", "list")
    load_or_create(Path("keys"))
    assert check(shell, "database") == {
        "check": "database",
        "ok": True,
        "note": f"sqlite, revision {HEAD}",
        "problems": [],
    }
    assert check(shell, "keys")["note"] == "1 to sign with, pepper 1"


@pytest.mark.parametrize("password", ["postgres", "changeme", "shop"])
def test_a_default_password_of_the_database_is_found_and_not_repeated(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """ATTACKS U19."""
    monkeypatch.setenv("RINGFENCE_DATABASE", f"postgresql://shop:{password}@db.example/shop")
    assert shell.run("check") == 1
    assert "credentials  1 problem\n  RINGFENCE_DATABASE is weak\n" in shell.out
    assert "db.example" not in shell.out


def test_every_wrong_setting_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RINGFENCE_ENV")
    monkeypatch.setenv("RINGFENCE_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("RINGFENCE_NOTHING", "x")
    found = check(shell, "settings")
    assert texts(found) == [
        "RINGFENCE_NOTHING is not known",
        "RINGFENCE_ORIGIN must start with https:// in production",
        "RINGFENCE_MAIL must be smtp:// or smtps:// in production",
        "RINGFENCE_LOG_LEVEL is too low for production",
    ]
    assert all(problem["remedy"] for problem in found["problems"])


def test_a_key_that_others_can_read_is_found_with_what_to_do(shell: Shell) -> None:
    load_or_create(Path("keys"))
    (shell.folder / "keys" / "salt.key").chmod(0o644)
    assert shell.run("check") == 1
    assert (
        "keys         1 problem\n  keys/salt.key is open to other users\n    chmod -R go= keys\n"
    ) in shell.out


def test_keys_that_are_missing_beside_their_database_are_told_in_the_words_of_the_start(
    shell: Shell,
) -> None:
    """An unmounted volume: with new keys no password is right any more."""
    shell.run("migrate")
    assert check(shell, "keys")["note"] == "made by the next start"
    shell.json("limits", "list", "--account", "alice@example.com")  # makes the keys
    shutil.rmtree("keys")
    (found,) = texts(check(shell, "keys"))
    assert found.startswith("keys is missing, and the database was made with keys")
    assert shell.run("limits", "list", "--account", "alice@example.com") == 1
    assert shell.err == f"{found}\n"
    assert not (shell.folder / "keys").exists()


def test_keys_of_another_database_are_named(shell: Shell) -> None:
    shell.json("limits", "list", "--account", "alice@example.com")  # makes keys and database
    assert check(shell, "keys")["ok"]
    shutil.rmtree("keys")
    load_or_create(Path("keys"))
    assert "keys/salt.key is not the key that the database was made with" in texts(
        check(shell, "keys")
    )


def test_a_database_that_others_can_read_is_found(shell: Shell) -> None:
    shell.run("migrate")
    (shell.folder / "ringfence.sqlite").chmod(0o640)
    assert texts(check(shell, "database")) == ["the file is open to other users"]


def test_a_database_that_the_start_refuses_is_refused(shell: Shell) -> None:
    """The words are the start's own; the file is as it was."""
    shell.run("migrate")
    rewrite("UPDATE alembic_version SET version_num = '9999'", shell.folder)
    assert texts(check(shell, "database")) == ["a newer version of this program has written it"]
    assert shell.run("users", "list") == 1
    assert shell.err == "RINGFENCE_DATABASE: a newer version of this program has written it\n"


def test_a_migration_that_would_fail_is_found_on_a_copy(shell: Shell) -> None:
    shell.run("migrate")
    rewrite("DELETE FROM alembic_version", shell.folder)  # so that all of it would run again
    before = (shell.folder / "ringfence.sqlite").read_bytes()
    assert texts(check(shell, "database")) == [
        "it cannot be brought up to date: its tables are not those of its revision"
    ]
    assert (shell.folder / "ringfence.sqlite").read_bytes() == before


def test_an_empty_file_is_made_a_database_by_the_start(shell: Shell) -> None:
    (shell.folder / "ringfence.sqlite").touch(0o600)
    assert check(shell, "database")["note"] == "sqlite, made by the next start"
    assert (shell.folder / "ringfence.sqlite").stat().st_size == 0


def test_a_file_that_is_no_database_is_told(shell: Shell) -> None:
    (shell.folder / "ringfence.sqlite").write_bytes(b"no database" * 99)
    assert texts(check(shell, "database")) == ["does not answer: SQLITE_NOTADB"]


def test_a_folder_that_is_missing_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE", "sqlite:///nowhere/ringfence.sqlite")
    assert texts(check(shell, "database")) == ["the folder of the file does not exist"]


def test_times_in_the_future_are_told(shell: Shell) -> None:
    """A clock that was wrong once: whoever was limited then waits until that time."""
    shell.json("users", "create", "alice@example.com", "--no-password")
    assert check(shell, "clock")["ok"]
    rewrite("UPDATE accounts SET created_us = created_us + 86400000000", shell.folder)
    assert texts(check(shell, "clock")) == ["the database holds times that lie in the future"]


def test_routes_without_a_policy_are_listed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    (shell.folder / "bare_shop.py").write_text(
        "from fastapi import FastAPI\n"
        "app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)\n"
        "@app.get('/orders')\n"
        "async def orders() -> list[str]: return []\n"
    )
    monkeypatch.syspath_prepend(shell.folder)
    assert ["/orders" in text for text in texts(check(shell, "routes", "bare_shop:app"))] == [True]


def test_what_the_application_itself_needs_is_missed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shell.folder / "needy_shop.py").write_text(
        "from starlette.applications import Starlette\n"
        "from ringfence import Ringfence\n"
        "app = Ringfence(Starlette(), required=('STRIPE_KEY',))\n"
    )
    monkeypatch.syspath_prepend(shell.folder)
    assert texts(check(shell, "settings", "needy_shop:app")) == ["STRIPE_KEY is missing"]
    monkeypatch.setenv("STRIPE_KEY", "changeme")
    assert texts(check(shell, "credentials", "needy_shop:app")) == ["STRIPE_KEY is weak"]


def test_an_application_that_is_not_there_is_told(shell: Shell) -> None:
    assert texts(check(shell, "routes", "nowhere_at_all:app")) == [
        "there is no module nowhere_at_all"
    ]


def test_a_repository_that_nobody_can_read_is_a_problem(shell: Shell) -> None:
    """A server has neither git nor a repository, and that is no problem."""
    (shell.folder / ".git").mkdir()
    assert texts(check(shell, "git")) == ["there is no git on this machine"]


def test_status_1_is_for_problems_and_not_for_warnings(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell.run("check") == 0
    monkeypatch.setattr("resource.getrlimit", lambda _which: (1024, 4096))
    assert shell.run("check") == 0
    assert "open files   1 warning\n  warning: 1024 open files at most" in shell.out
    monkeypatch.setattr("resource.getrlimit", lambda _which: (255, 4096))
    assert shell.run("check") == 1


def test_a_log_that_is_said_as_sarif_holds_what_the_standard_asks_for(shell: Shell) -> None:
    """OASIS SARIF 2.1.0, 3.13, 3.14, 3.19 and 3.27: what is required, and no more by heart."""
    load_or_create(Path("keys"))
    (shell.folder / "keys" / "salt.key").chmod(0o644)
    assert shell.run("check", "--sarif") == 1
    log = json.loads(shell.out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["tool"]["driver"]["name"] == "ringfence check"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    assert (
        {result["ruleId"] for result in run["results"]}
        == set(rules)
        == {
            "keys-wrong",
        }
    )
    assert {result["level"] for result in run["results"]} == {"error"}
    assert "keys/salt.key is open to other users" in run["results"][0]["message"]["text"]


def rewrite(statement: str, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ringfence.sqlite")) as connection, connection:
        connection.execute(statement)


def test_debug_is_no_route_without_a_policy(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 9, B10: the remedy was to give it a policy."""
    (shell.folder / "shown.py").write_text(
        "from fastapi import FastAPI\napp = FastAPI(debug=True)\n"
    )
    monkeypatch.delenv("RINGFENCE_ENV")
    problems = check(shell, "routes", "shown:app")["problems"]
    (debug,) = [each for each in problems if each["text"].startswith("debug=True")]
    assert debug["rule"] == "routes-debug"
    assert debug["remedy"].startswith("leave debug=True out")
