"""``ringfence check`` finds what is wrong and changes nothing; PostgreSQL is in ``contract``."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ringfence.storage.keys import load_or_create
from tests.unit.cli.conftest import Shell


def test_a_fresh_installation_is_in_order_and_stays_as_it_is(shell: Shell) -> None:
    assert shell.run("check") == 0
    assert shell.out == (
        "settings     ok           for test\n"
        "credentials  ok\n"
        "keys         ok           made by the next start\n"
        "database     ok           made by the next start\n"
    )
    assert not list(shell.folder.iterdir())


def test_an_installation_that_runs_is_described(shell: Shell) -> None:
    assert shell.run("migrate") == 0
    assert shell.out == "the database is at revision 0001\n"
    shell.json("users", "list")
    made = shell.json("check")
    assert made["ok"] is True
    assert made["checks"][3] == {
        "check": "database",
        "problems": [],
        "note": "sqlite, revision 0001",
        "ok": True,
    }


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
    monkeypatch.setenv("RINGFENCE_LAYERS_OFF", "output")
    monkeypatch.setenv("RINGFENCE_NOTHING", "x")
    assert shell.run("check") == 1
    assert shell.out == (
        "settings     4 problems\n"
        "  RINGFENCE_NOTHING is not known\n"
        "  RINGFENCE_ORIGIN must start with https:// in production\n"
        "  RINGFENCE_LAYERS_OFF is for RINGFENCE_ENV=demo and test only\n"
        "  RINGFENCE_MAIL must be smtp:// or smtps:// in production\n"
        "credentials  ok\n"
    )


def test_a_key_that_others_can_read_is_found(shell: Shell) -> None:
    load_or_create(Path("keys"))
    (shell.folder / "keys" / "salt.key").chmod(0o644)
    assert shell.run("check") == 1
    assert "keys         1 problem\n  keys/salt.key is open to other users\n" in shell.out


def test_a_database_that_others_can_read_is_found(shell: Shell) -> None:
    shell.run("migrate")
    (shell.folder / "ringfence.sqlite").chmod(0o640)
    assert shell.run("check") == 1
    assert "database     1 problem    sqlite, revision 0001\n" in shell.out
    assert "  the file is open to other users\n" in shell.out


def test_a_database_of_another_version_is_told(shell: Shell) -> None:
    shell.run("migrate")
    with closing(sqlite3.connect(shell.folder / "ringfence.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    assert shell.run("check") == 0
    assert "sqlite, revision 0000, 0001 is needed" in shell.out


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"no database" * 99, "does not answer: SQLITE_NOTADB"), (b"", "SQLITE_ERROR")],
)
def test_a_file_that_is_no_database_is_told(shell: Shell, content: bytes, problem: str) -> None:
    (shell.folder / "ringfence.sqlite").write_bytes(content)
    assert shell.run("check") == 1
    assert problem in shell.out


def test_a_folder_that_is_missing_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_DATABASE", "sqlite:///nowhere/ringfence.sqlite")
    assert shell.run("check") == 1
    assert "  the folder of the file does not exist\n" in shell.out


def test_routes_without_a_policy_are_listed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    (shell.folder / "bare_shop.py").write_text(
        "from fastapi import FastAPI\n"
        "app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)\n"
        "@app.get('/orders')\n"
        "async def orders() -> list[str]: return []\n"
    )
    monkeypatch.syspath_prepend(shell.folder)
    assert shell.run("check", "bare_shop:app") == 1
    assert "routes       1 problem" in shell.out
    assert "/orders" in shell.out


def test_an_application_that_is_not_there_is_told(shell: Shell) -> None:
    assert shell.run("check", "nowhere_at_all:app") == 1
    assert "routes       1 problem\n  there is no module nowhere_at_all\n" in shell.out
