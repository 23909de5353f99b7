"""``ringfence kdf``: a raise from its beginning to its end, and a time of imports."""

import io
import json
import sqlite3
import sys
from contextlib import closing
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ringfence import Ringfence
from ringfence.authn.verifier import Argon2Parameters
from ringfence.client.derive import Prelogin, proof
from tests.unit.cli.conftest import Shell

ALICE, BOB = "alice@example.com", "bob@example.com"
PASSWORD = "violet kettle orbits quietly"
OLD, NEW = "argon2id m=65536 t=3 p=4", "argon2id m=65536 t=4 p=4"
CALM = {"current": OLD, "next": None, "raised_at": None, "password_retry": False, "imported": {}}


@pytest.fixture
def people(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Alice and Bob."""
    for login in (ALICE, BOB):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
        shell.json("users", "create", login)
    return shell


def service() -> TestClient:
    """A process of the service, which reads what holds when it is first asked."""
    headers = {"sec-fetch-site": "same-origin"}
    return TestClient(Ringfence(Starlette()), base_url="http://127.0.0.1:8000", headers=headers)


def sign_in(client: TestClient, login: str) -> int:
    """As a client of ours does."""
    prelogin = client.post("/auth/prelogin", json={"login": login}).json()
    proven = proof(PASSWORD, msgspec.convert(prelogin, Prelogin))
    return client.post("/auth/sign-in", json={"login": login, **proven}).status_code


def grow_old(shell: Shell) -> None:
    """Have the raise begun a minute ago."""
    with closing(sqlite3.connect(shell.folder / "ringfence.sqlite")) as database, database:
        database.execute("UPDATE derivation SET raised_us = raised_us - 60000000")


def test_a_raise_from_its_beginning_to_its_end(people: Shell) -> None:
    shell = people
    assert shell.json("kdf", "status") == {**CALM, "passwords": {OLD: 2}, "waiting": 0}
    begun = shell.json("kdf", "raise", "--passes", "4", "--operator", "night shift")
    assert (begun["current"], begun["next"], begun["waiting"]) == (OLD, NEW, 2)
    event = shell.events[-1]
    assert event["code"] == "derivation.raised"
    assert event["facts"]["operator"] == "night shift"
    assert shell.run("kdf", "finish") == 1
    assert "just begun" in shell.err

    grow_old(shell)
    with service() as client:
        assert sign_in(client, ALICE) == 200
    status = shell.json("kdf", "status")
    assert (status["passwords"], status["waiting"]) == ({OLD: 1, NEW: 1}, 1)
    assert shell.run("kdf", "finish") == 1
    assert "1 have not moved" in shell.err
    with service() as client:
        assert sign_in(client, BOB) == 200
        assert sign_in(client, ALICE) == 200
    assert shell.json("kdf", "finish") == {
        **CALM,
        "current": NEW,
        "passwords": {NEW: 2},
        "waiting": 0,
    }
    with service() as client:
        assert sign_in(client, ALICE) == 200


def test_who_has_not_moved_when_it_is_forced_to_end_needs_a_reset(people: Shell) -> None:
    shell = people
    shell.json("kdf", "raise", "--passes", "4")
    grow_old(shell)
    with service() as client:
        assert sign_in(client, ALICE) == 200
    assert shell.json("kdf", "finish", "--force")["waiting"] == 1
    assert shell.events[-1]["facts"]["stranded"] == "1"
    assert shell.run("kdf", "status") == 0
    assert "1 need a reset link" in shell.out
    with service() as client:
        assert sign_in(client, ALICE) == 200
        assert sign_in(client, BOB) == 401
        password = {"login": BOB, "password": PASSWORD}
        assert client.post("/auth/sign-in", json=password).status_code == 401


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["raise"], "costs a guesser no more"),
        (["raise", "--memory-kib", "32768"], "costs a guesser no more"),
        (["raise", "--passes", "1"], "weaker than m=19456 t=2 p=1"),
        (["raise", "--passes", "33"], "clients refuse more"),
        (["raise", "--memory-kib", "1048577"], "clients refuse more"),
        (["finish"], "no raise is under way"),
    ],
)
def test_what_makes_no_raise_is_refused(shell: Shell, words: list[str], said: str) -> None:
    assert shell.run("kdf", *words) == 1
    assert said in shell.err
    assert shell.json("kdf", "status")["next"] is None


def test_a_second_raise_waits_for_the_end_of_the_first(shell: Shell) -> None:
    shell.json("kdf", "raise", "--memory-kib", "131072")
    assert shell.run("kdf", "raise", "--passes", "5") == 1
    assert "finish it first" in shell.err


def test_a_time_of_imports_begins_and_ends_by_command(shell: Shell) -> None:
    def said() -> Any:
        with service() as client:
            return client.get("/auth/config").json()["password_retry"]

    assert said() is False
    shell.json("kdf", "raise", "--passes", "4")
    shell.json("kdf", "begin-import")
    assert said() is True
    assert shell.events[-1]["code"] == "import.begun"
    assert warnings(shell) == ["passwords-travel"]
    ended = shell.json("kdf", "end-import")
    assert (ended["password_retry"], ended["next"]) == (False, NEW)
    assert said() is False
    assert warnings(shell) == []


def warnings(shell: Shell) -> list[str]:
    """What ``ringfence check`` says of the database."""
    shell.run("check", "--json", "--offline")
    checks = json.loads(shell.out)["checks"]
    database = next(each for each in checks if each["check"] == "database")
    return [problem["rule"] for problem in database["problems"]]


def test_parameters_are_read_as_they_are_written() -> None:
    dear = Argon2Parameters(memory_kib=131_072, passes=4, lanes=2)
    assert Argon2Parameters.parse(str(dear)) == dear
