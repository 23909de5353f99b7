"""``ringfence users import | export``: files and tables of other programs, and back out."""

import csv
import io
import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import bcrypt
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ringfence import Ringfence
from ringfence.cli.users.bar import Bar
from ringfence.client.derive import Prelogin, proof
from ringfence.storage.imports import SqlImports
from tests.unit.cli.conftest import Shell

PASSWORD = "old pässword"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
FIREBASE = json.loads((Path(__file__).parents[1] / "vectors/imported_hashes.json").read_text())[
    "hashes"
][-1]["hash"]
ALICE = {"login": "alice@example.com", "hash": HASH}


@pytest.fixture(autouse=True)
def here(shell: Shell) -> Path:
    """Where the files are, and the installation."""
    return shell.folder


def lines(name: str, *rows: Any) -> None:
    text = "".join(each if isinstance(each, str) else json.dumps(each) + "\n" for each in rows)
    Path(name).write_text(text, encoding="utf-8", errors="surrogateescape")


def service() -> TestClient:
    headers = {"sec-fetch-site": "same-origin"}
    return TestClient(Ringfence(Starlette()), base_url="http://127.0.0.1:8000", headers=headers)


def enter(client: TestClient, login: str, password: str, *, by_key: bool = False) -> int:
    body = {"login": login, "password": password}
    if by_key:
        prelogin = client.post("/auth/prelogin", json={"login": login}).json()
        body = {"login": login, **proof(password, msgspec.convert(prelogin, Prelogin))}
    return client.post("/auth/sign-in", json=body).status_code


def accounts(shell: Shell) -> dict[str, Any]:
    return {each["login"]: each for each in shell.json("users", "list")["items"]}


def report(shell: Shell, *words: str) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The counts of an import, and what was refused."""
    status = shell.run("users", "import", *words, "--json")
    found = json.loads(shell.out)
    refused = [(each["row"], each["code"]) for each in found.pop("refused")]
    assert status == (1 if refused else 0)
    return found, refused


def test_from_a_file_to_the_last_owner_and_back_out(shell: Shell) -> None:
    """An import begins the time of imports; who signs in moves; nobody is forgotten at its end."""
    bob = {"id": "17", "login": "Bob@Example.com", "name": "Bob", "roles": ["user", "admin"]}
    carol = {"login": "carol@example.com", "hash": HASH, "disabled": True}
    created = {"created_at": "2020-05-06T07:08:09Z"}
    lines("people.jsonl", {**ALICE, **created}, {**bob, "hash": HASH}, "\n", carol)
    found, refused = report(shell, "people.jsonl")
    counts = {"imported": 3, "passwords": 3, "present": 0}
    assert (found, refused) == ({"dry_run": False, **counts}, [])
    codes = [event["code"] for event in shell.events]
    assert codes == ["import.begun", "accounts.imported"]
    assert shell.events[-1]["facts"]["imported"] == "3"
    assert HASH not in (shell.folder / "log").read_text()
    assert HASH.encode() not in (shell.folder / "ringfence.sqlite").read_bytes()

    people = accounts(shell)
    assert people["bob@example.com"]["id"] == "17"
    assert people["bob@example.com"]["roles"] == ["admin", "user"]
    assert people["carol@example.com"]["disabled"]
    assert shell.json("kdf", "status")["imported"] == {"bcrypt r=4": 3}
    with service() as client:
        assert client.get("/auth/config").json()["password_retry"] is True
        assert enter(client, "alice@example.com", PASSWORD) == 200
        assert enter(client, "alice@example.com", PASSWORD, by_key=True) == 200

    again, refused = report(shell, "people.jsonl")
    assert (again["imported"], again["present"], refused) == (0, 3, [])
    assert shell.run("kdf", "status") == 0
    assert "imported    bcrypt r=4: 2 to sign in" in shell.out
    assert shell.run("kdf", "end-import") == 1
    assert "2 have not signed in yet; --force makes them reset" in shell.err

    assert shell.json("users", "export", "plain.jsonl") == {"exported": 3}
    assert shell.json("users", "export", "all.jsonl", "--verifiers") == {"exported": 3}
    assert stat.S_IMODE((shell.folder / "all.jsonl").stat().st_mode) == 0o600
    assert shell.events[-1]["code"] == "accounts.exported"
    exported = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    written = {each["login"]: each for each in exported}
    plain = [json.loads(line) for line in Path("plain.jsonl").read_text().splitlines()]
    assert all(each.keys().isdisjoint({"hash", "verifier"}) for each in plain)
    assert written["bob@example.com"]["hash"] == HASH
    assert written["alice@example.com"]["verifier"]["kdf"] == "argon2id m=65536 t=3 p=4"
    assert written["alice@example.com"]["created_at"] == "2020-05-06T07:08:09+00:00"
    assert shell.run("users", "export", "all.jsonl") == 1
    assert "File exists" in shell.err

    ended = shell.json("kdf", "end-import", "--force")
    assert (ended["password_retry"], ended["imported"]) == (False, {})
    found, refused = report(shell, "all.jsonl")  # there already; the file is one of ours
    assert (found["present"], refused) == (3, [])


def test_what_is_wrong_is_refused_by_row_and_reason_and_the_rest_is_imported(shell: Shell) -> None:
    """Ledger 34: a planted cost is refused here, not at the sign-in."""
    rows: list[tuple[Any, str | None]] = [
        (ALICE, None),
        ({**ALICE, "hash": "$2b$31$" + "." * 53}, "hash.costly"),
        ({"login": "b@example.com", "hash": "$2b$31$" + "." * 53}, "hash.costly"),
        ({"login": "c@example.com", "hash": "5f4dcc3b5aa765d61d8327deb882cf99"}, "hash.unknown"),
        ({"login": "d@example.com", "hash": 5}, "hash.malformed"),
        ({"login": "e@example.com", "passwordhash": HASH}, "row.malformed"),
        ({"login": "f@example.com", "verified": "false"}, "login.unproven"),
        ({"login": "no address"}, "login.malformed"),
        ({"name": "nobody"}, "login.malformed"),
        ({**ALICE, "id": "18"}, "login.taken"),
        ({"login": "g@example.com", "id": "../etc"}, "id.malformed"),
        ({"login": "h@example.com", "id": 7}, None),
        ({"login": "i@example.com", "id": 7}, "id.taken"),
        ({"login": "j@example.com", "name": "bell \a"}, "name.malformed"),
        ({"login": "k@example.com", "roles": ["two words"]}, "roles.malformed"),
        ({"login": "l@example.com", "roles": {"admin": 1}}, "roles.malformed"),
        ({"login": "m@example.com", "created_at": "soon"}, "time.malformed"),
        ({"login": "n@example.com", "disabled": "perhaps"}, "row.malformed"),
        ("[1, 2]\n", "row.malformed"),
        ("{broken\n", "row.malformed"),
        ('{"login": "' + "o" * 70_000 + '"}\n', "row.malformed"),
        ('{"login": "\udce9@example.com"}\n', "row.malformed"),
        ({"login": "p@example.com", "hash": "!unusable"}, None),
    ]
    lines("people.jsonl", *(row for row, _ in rows))
    found, refused = report(shell, "people.jsonl", "--dry-run")
    assert shell.json("users", "list")["items"] == []
    assert (found["dry_run"], found["passwords"]) == (True, 2)
    found, refused = report(shell, "people.jsonl")
    wanted = [(number, code) for number, (_, code) in enumerate(rows, 1) if code]
    assert refused == wanted
    assert (found["imported"], found["passwords"]) == (3, 1)
    assert accounts(shell).keys() == {"alice@example.com", "h@example.com", "p@example.com"}
    assert shell.run("users", "import", "people.jsonl") == 1
    assert "row 3: hash.costly: to verify the hash costs more than is allowed" in shell.out
    assert (
        "row 6: row.malformed: the row cannot be read: there is no field passwordhash" in shell.out
    )


def test_a_csv_with_columns_of_its_own(shell: Shell) -> None:
    with Path("people.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["E-Mail", "pw", "groups", "note"])
        writer.writerow(["a@example.com", HASH, "user, editor", "a\nline"])
        writer.writerow(["b@example.com", HASH])
        writer.writerow(["c@example.com", HASH, "", "", "one too many"])
    columns = ["--columns", "login=E-Mail,hash=pw,roles=groups"]
    found, refused = report(shell, "people.csv", *columns)
    assert found["imported"] == 1
    assert refused == [(2, "row.malformed"), (3, "row.malformed")]
    assert accounts(shell)["a@example.com"]["roles"] == ["editor", "user"]
    found, _ = report(shell, "people.csv", *columns, "--no-passwords", "--dry-run")
    assert found["passwords"] == 0


def test_the_export_of_firebase(shell: Shell) -> None:
    method, salt, digest = FIREBASE.split("$")
    _, memory, rounds, separator, signer = method.split(":")
    person = {"localId": "fb1", "email": "a@example.com", "emailVerified": True}
    people = [
        {**person, "salt": salt, "passwordHash": digest, "createdAt": "1588748889000"},
        {**person, "localId": "fb2", "email": "b@example.com", "emailVerified": False},
        {**person, "localId": "fb3", "email": "c@example.com", "providerUserInfo": []},
    ]
    Path("users.json").write_text(json.dumps({"users": people}))
    parameters = {
        "base64_signer_key": signer,
        "base64_salt_separator": separator,
        "rounds": int(rounds),
        "mem_cost": int(memory),
    }
    Path("parameters.json").write_text(json.dumps(parameters))
    words = ["users.json", "--layout", "firebase", "--firebase-parameters", "parameters.json"]
    found, refused = report(shell, *words)
    assert (found["imported"], found["passwords"]) == (2, 1)
    assert refused == [(2, "login.unproven")]
    assert shell.json("kdf", "status")["imported"] == {"firebase-scrypt n=16384 r=8 p=1": 1}


BETTER_AUTH = """
    CREATE TABLE user (id TEXT, name TEXT, email TEXT, emailVerified INTEGER, createdAt DATE);
    CREATE TABLE account (id TEXT, userId TEXT, providerId TEXT, password TEXT);
    INSERT INTO user VALUES ('ba1', 'Ann', 'a@example.com', 1, '2024-01-02T03:04:05.000Z'),
        ('ba2', 'Bea', 'b@example.com', 1, '2024-01-02T03:04:05.000Z');
    INSERT INTO account VALUES ('x', 'ba1', 'credential', '{hash}'),
        ('y', 'ba2', 'google', NULL);
"""
DJANGO = """
    CREATE TABLE auth_user
        (id INTEGER, password TEXT, email TEXT, is_active BOOL, date_joined DATETIME);
    INSERT INTO auth_user VALUES (1, 'bcrypt${hash}', 'a@example.com', 1, '2024-01-02 03:04:05.6'),
        (2, '!x', 'b@example.com', 0, '2024-01-02 03:04:05.6'), (3, 'bcrypt${hash}', '', 1, NULL);
"""


def test_tables_of_other_programs(shell: Shell) -> None:
    with closing(sqlite3.connect("django.sqlite")) as theirs:
        theirs.executescript(DJANGO.replace("{hash}", HASH))
    with closing(sqlite3.connect("better.sqlite")) as theirs:
        theirs.executescript(BETTER_AUTH.replace("{hash}", HASH))
    better = ["--from-sql", "sqlite:///better.sqlite", "--layout", "better-auth"]
    found, refused = report(shell, *better, "--dry-run")
    assert (found["imported"], found["passwords"], refused) == (2, 1, [])
    found, refused = report(shell, "--from-sql", "sqlite:///django.sqlite", "--layout", "django")
    assert (found["imported"], found["passwords"]) == (2, 1)
    assert refused == [(3, "login.malformed")]
    assert accounts(shell)["b@example.com"]["disabled"]
    found, refused = report(shell, *better)  # the addresses have other ids there
    assert refused == [(1, "login.taken"), (2, "login.taken")]


def test_a_table_with_columns_of_its_own(shell: Shell) -> None:
    with closing(sqlite3.connect("theirs.sqlite")) as theirs:
        theirs.executescript("""CREATE TABLE "odd; name" ("e mail" TEXT, pw TEXT);""")
        theirs.execute("""INSERT INTO "odd; name" VALUES ('a@example.com', ?)""", [HASH])
        theirs.commit()
    words = ["--from-sql", "sqlite:///theirs.sqlite", "--table", "odd; name"]
    found, refused = report(shell, *words, "--columns", "login=e mail,hash=pw")
    assert (found["imported"], refused) == (1, [])


UNREADABLE: list[tuple[list[str], str]] = [
    ([], "either a file or --from-sql"),
    (["people.jsonl", "--from-sql", "sqlite:///x"], "either a file or --from-sql"),
    (["missing.jsonl"], "No such file"),
    (["people.txt"], "neither .jsonl, .csv nor .json"),
    (["people.json"], "no JSON list"),
    (["people.jsonl", "--columns", "hash=pw"], "which one is the login"),
    (["people.jsonl", "--columns", "login=a,pass=b"], "the fields are"),
    (["people.csv", "--columns", "login=a,hash=nowhere"], "no column nowhere"),
    (["people.json", "--layout", "firebase"], "name --firebase-parameters"),
    (["--from-sql", "sqlite:///missing.sqlite", "--layout", "django"], "no such file"),
    (["--from-sql", "sqlite:///s.sqlite", "--layout", "django"], "no table auth_user"),
    (["--from-sql", "sqlite:///s.sqlite", "--table", "t"], "name --columns, or a --layout"),
    (["--from-sql", "sqlite:///s.sqlite", "--columns", "login=a"], "name its --table"),
    (
        ["--from-sql", "sqlite:///s.sqlite", "--table", "t", "--columns", "login=b"],
        "the table t has no column b",
    ),
    (["--from-sql", "oracle://me:s3cret@host/x", "--layout", "django"], "install a driver"),
    (["--from-sql", "nonsense", "--layout", "django"], "ArgumentError"),
]


def test_what_cannot_be_read_is_said_in_a_line(shell: Shell) -> None:
    lines("people.jsonl", ALICE)
    lines("people.json", "{}")
    lines("people.csv", "a,b\n1,2\n")
    with closing(sqlite3.connect("s.sqlite")) as theirs:
        theirs.execute("CREATE TABLE t (a TEXT)")
    for words, said in UNREADABLE:
        assert shell.run("users", "import", *words) == 1
        assert said in shell.err
        assert "s3cret" not in shell.err
        assert len(shell.err.splitlines()) == 1
    assert shell.json("kdf", "status")["password_retry"] is False


def test_an_import_that_broke_off_is_run_again_without_doubles(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece is stored whole; what was stored is there, and is met again as present."""
    monkeypatch.setattr("ringfence.cli.users.importing._PIECE", 2)
    lines("people.jsonl", *({"login": f"p{n}@example.com", "hash": HASH} for n in range(5)))
    store = "ringfence.storage.imports.SqlImports.add"
    whole, calls = SqlImports.add, []

    async def breaking(self: SqlImports, people: Any) -> Any:
        calls.append(people)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return await whole(self, people)

    with monkeypatch.context() as patch:
        patch.setattr(store, breaking)
        assert shell.run("users", "import", "people.jsonl") == 130
    assert shell.events[-1]["facts"]["imported"] == "2"
    found, refused = report(shell, "people.jsonl")
    assert (found["imported"], found["present"], refused) == (3, 2, [])
    assert shell.json("kdf", "status")["imported"] == {"bcrypt r=4": 5}


def test_the_bar_is_for_terminals() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    times = iter([0.0, 0.0, 0.0, 0.05, 1.0, 1.0])
    terminal, pipe = Terminal(), io.StringIO()
    bar = Bar(terminal, lambda: next(times))
    bar.draw(1500, 0.5)
    bar.draw(1501, 0.5)
    bar.draw(1502, None)
    bar.clear()
    assert terminal.getvalue() == (
        "\r\x1b[K" + "█" * 15 + "░" * 15 + "  50%  1,500 rows" + "\r\x1b[K1,502 rows" + "\r\x1b[K"
    )
    silent = Bar(pipe, lambda: 0.0)
    silent.draw(1, 0.5)
    silent.clear()
    assert pipe.getvalue() == ""
