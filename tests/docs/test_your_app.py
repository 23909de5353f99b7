"""``docs/your-app.md`` works, followed word for word; only the port is another one.

The application, the settings, the commands and what they print are read from the page itself.
"""

import ast
import inspect
import re
import socket
import subprocess
import tomllib
from collections.abc import Generator
from dataclasses import dataclass, fields
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.responses import RedirectResponse

from ringfence import Refused
from ringfence.core.settings import Settings
from ringfence_demo.pictures import draw
from tests.docs.pages import ROOT, blocks, commands, rows
from tests.docs.reader import PAGE, Reader

ALICE, BOB = "alice@example.com", "bob@example.com"
PASSWORD = "violet kettle orbits quietly"
PAGE_NAME = "docs/your-app.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The page followed to its end: an application that runs, with two people."""

    reader: Reader
    client: httpx2.Client
    created: subprocess.CompletedProcess[str]  # Alice, from a shell
    spoke: subprocess.CompletedProcess[str]  # to the application, in her name
    alice: dict[str, str]  # headers of a request in her name
    bob: dict[str, str]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Followed]:
    reader = Reader.at(tmp_path_factory.mktemp("followed"))
    with reader.running() as client:
        assert client.post("/auth/sign-up", json={"login": BOB}).status_code == 202
    # It has ended, so what it had still to do is done: the mail is in its folder.
    page, _, token = _mailed_link(reader.folder / "mail").partition("#token=")
    with reader.running() as client:
        assert client.get(page).headers["content-type"].startswith("text/html")
        proof = {"token": token, "password": PASSWORD}
        assert client.post("/auth/verify-email", json=proof).status_code == 200
        created = reader.types(reader.shown("ringfence users create "), PASSWORD + "\n")
        yield Followed(
            reader=reader,
            client=client,
            created=created,
            spoke=reader.types(reader.shown("TOKEN=")),
            alice=_bearer(client, ALICE),
            bob=_bearer(client, BOB),
        )


def test_what_the_page_installs_is_what_the_project_offers() -> None:
    (install,) = (command for command, _ in commands(PAGE) if command.startswith("pip "))
    extras = re.findall(r"\[([\w,]+)\]", install)[0].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras) <= project["optional-dependencies"].keys()
    assert "aiosqlite" in install.split()


def test_an_account_is_made_from_a_shell(followed: Followed) -> None:
    assert followed.created.returncode == 0, followed.created.stderr
    assert followed.created.stdout.startswith(ALICE)


def test_the_shell_signs_in_writes_a_note_and_lists_it(followed: Followed) -> None:
    assert followed.spoke.stderr == ""
    note = '{"id":1,"text":"hello"}'
    assert followed.spoke.stdout == '{"id":1}{"items":[' + note + '],"next":null}'


def test_whoever_signed_up_by_mail_writes_reads_and_deletes_a_note(followed: Followed) -> None:
    bob = followed.bob
    written = followed.client.post("/notes", json={"text": "mine"}, headers=bob)
    assert written.status_code == 201
    path = f"/notes/{written.json()['id']}"
    assert followed.client.get(path, headers=bob).json()["text"] == "mine"
    assert followed.client.delete(path, headers=bob).status_code == 204
    assert followed.client.get(path, headers=bob).status_code == 404


def test_the_tests_of_the_page_pass(followed: Followed) -> None:
    (written,) = (
        block for block in blocks(followed.reader.page, "python") if "TestClient" in block
    )
    (followed.reader.folder / "test_notes.py").write_text(written)
    run = "python -m pytest -q -p no:cacheprovider -p no:randomly test_notes.py"
    done = followed.reader.types(run)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_nobody_reads_a_list_but_their_own(followed: Followed) -> None:
    assert followed.client.get("/").json() == {"notes": "sign in at /auth/sign-in"}
    assert followed.client.get("/notes").status_code == 401
    items = followed.client.get("/notes", headers=followed.bob).json()["items"]
    assert "hello" not in [item["text"] for item in items]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_a_foreign_note_equals_one_that_never_was(followed: Followed, method: str) -> None:
    foreign, missing = (
        followed.client.request(method, f"/notes/{number}", headers=followed.bob)
        for number in (1, 10**9)
    )
    assert foreign.status_code == 404
    assert _but_for_date_and_id(foreign) == _but_for_date_and_id(missing)
    assert followed.client.get("/notes/1", headers=followed.alice).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"text": "x", "user_id": "alice"}', 422),
        ('{"text": 1}', 422),
        ("{}", 422),
        ('{"text": "x", "text": "y"}', 400),
        ("", 422),
    ],
)
def test_what_is_not_declared_never_reaches_the_handler(
    followed: Followed, body: str, status: int
) -> None:
    headers = {**followed.bob, "content-type": "application/json"}
    before = followed.client.get("/notes", headers=headers).json()
    assert followed.client.post("/notes", content=body, headers=headers).status_code == status
    assert followed.client.get("/notes", headers=headers).json() == before


def test_the_commands_print_what_the_page_shows(followed: Followed) -> None:
    typed = [shown for shown in commands(followed.reader.page) if shown[0].startswith("ringfence ")]
    assert len(typed) == 4
    for command, output in typed:
        done = followed.reader.types(command)
        assert done.returncode == 0, done.stderr
        assert output in ("", done.stdout)
    assert "GET /notes/{note_id} " in (followed.reader.folder / "boundaries.lock").read_text()


def test_what_leaves_names_no_server(followed: Followed) -> None:
    assert "server" not in followed.client.get("/").headers


# ------------------------------------------------------------------------------- a refused start


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader.at(tmp_path)


def refusal(reader: Reader, before: str = "") -> list[str]:
    """What is said of a start that does not come about: lines, and no traceback."""
    done = reader.types(f"{before}\n{reader.shown('uvicorn ')}")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr.removeprefix("ERROR:").splitlines()


def test_a_route_without_a_policy_is_named_as_the_page_says(reader: Reader) -> None:
    (shown,) = re.findall(r"`(GET .*: no policy .*)`", PAGE)
    notes = reader.folder / "notes.py"
    notes.write_text(notes.read_text().replace("@allow(signed_in)\n", ""))
    said = "\n".join(refusal(reader))
    assert re.findall(r"(?:GET|POST|DELETE) .*no policy.*", said) == [
        shown,
        "POST /notes: no policy (notes.write_note)",
    ]


def test_a_missing_origin_is_named(reader: Reader) -> None:
    assert "ERROR:    RINGFENCE_ORIGIN is missing" in refusal(reader, "unset RINGFENCE_ORIGIN")


def test_keys_that_others_can_read_are_named(reader: Reader) -> None:
    (reader.folder / "keys").mkdir(mode=0o755)
    assert "ERROR:    keys is open to other users" in refusal(reader, "chmod 755 keys")


def test_a_port_that_is_taken_is_said(reader: Reader) -> None:
    with socket.create_server(("127.0.0.1", urlsplit(reader.origin).port or 0)):
        assert any("address already in use" in line for line in refusal(reader))


# ------------------------------------------------------------------------------- what is at hand


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page declares beside the application, with the folders that it names."""
    monkeypatch.chdir(tmp_path)
    for folder, name in (("texts", "two.txt"), ("invoices", "1.txt"), ("pictures", "0")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("two words")
    names: dict[str, Any] = {"RedirectResponse": RedirectResponse, "kind": "image/png"}
    exec(compile(blocks(PAGE, "python")[1], PAGE_NAME, "exec"), names)  # noqa: S102  # the page is the test
    return names


async def shown_call(beginning: str, names: dict[str, Any], **values: object) -> Any:
    """What the call in the table's right column gives."""
    (call,) = (
        cell.strip("`")
        for _, cell in rows(PAGE, "instead of")
        if cell.strip("`").removeprefix("await ").startswith(beginning)
    )
    code = compile(call, PAGE_NAME, "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    given = eval(code, names | values)  # noqa: S307  # the page is the test
    return await given if inspect.iscoroutine(given) else given


@pytest.mark.parametrize(
    ("call", "values", "code"),
    [
        ("commands.run", {"name": "two.txt; id"}, "command.refused"),
        ("INVOICES.open", {"name": "../texts/two.txt"}, "file.outside"),
        ("PICTURES.store", {"name": "x.png", "content": b"<script>"}, "upload.refused"),
        ("WEB.fetch", {"url": "http://127.0.0.1/"}, "outbound.refused"),
        ("RedirectResponse", {"following": "//evil.example"}, "redirect.refused"),
    ],
)
async def test_each_way_refuses_what_the_careless_one_lets_through(
    at_hand: dict[str, Any], call: str, values: dict[str, object], code: str
) -> None:
    with pytest.raises(Refused, match=code):
        await shown_call(call, at_hand, **values)


async def test_each_way_does_what_it_is_for(at_hand: dict[str, Any]) -> None:
    counted = await shown_call("commands.run", at_hand, name="two.txt")
    assert counted.output.split() == [b"2", b"two.txt"]
    with await shown_call("INVOICES.open", at_hand, name="1.txt") as invoice:
        assert invoice.read() == b"two words"
    kept = await shown_call("PICTURES.store", at_hand, name="x.png", content=draw((200, 100, 50)))
    assert kept.media_type == "image/png"
    led = await shown_call("RedirectResponse", at_hand, following="/notes")
    assert led.headers["location"] == "/notes"
    clean = await shown_call("rich_text", at_hand, text="<b>bold</b><script>alert(1)</script>")
    assert clean == "<b>bold</b>"


# ------------------------------------------------------------------------------------------------


def _settings() -> set[str]:
    """The names that ``core/settings.py`` reads."""
    source = (ROOT / "src/ringfence/core/settings.py").read_text()
    names = set(re.findall(r'reader\.(?:one|many)\("([A-Z_]+)"', source))
    assert len(names) == len(fields(Settings)) - 1  # ``extra`` is the application's own
    return names


def _bearer(client: httpx2.Client, login: str) -> dict[str, str]:
    answer = client.post("/auth/sign-in", json={"login": login, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def _mailed_link(folder: Path) -> str:
    """The link in the newest file of ``folder``."""
    newest = max(folder.iterdir(), key=lambda file: file.name)
    text = message_from_bytes(newest.read_bytes(), policy=policy.default).get_content()
    (link,) = re.findall(r"http\S+#\S+", text)
    return str(link)


def _but_for_date_and_id(answer: httpx2.Response) -> tuple[int, list[tuple[str, str]], str]:
    kept = [
        (name, value)
        for name, value in answer.headers.multi_items()
        if name not in ("date", "x-request-id")
    ]
    return answer.status_code, kept, answer.text.replace(answer.headers["x-request-id"], "")
