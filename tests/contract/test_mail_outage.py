"""A relay that is away, and a service that is killed meanwhile, lose no mail (issue 9, B8)."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from email import message_from_bytes
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.contract.server import Server
from tests.contract.serving import SETTINGS, free_port, line, serving

LINK = re.compile(rb"#token=(rf_\w+)")


def ask(port: int, login: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"content-type": "application/json", "sec-fetch-site": "same-origin"}
    connection.request("POST", "/auth/sign-up", json.dumps({"login": login}), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def command(folder: Path, *words: str, **settings: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if "RINGFENCE" not in name},
        **SETTINGS,
        "RINGFENCE_ORIGIN": "http://127.0.0.1",
        **settings,
    }
    script = "import sys; from ringfence.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def mails(folder: Path) -> list[Path]:
    return sorted((folder / "mail").glob("*.eml"))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    postgres: Server = request.getfixturevalue("postgres")
    return {"RINGFENCE_DATABASE": postgres.app_url}


def test_an_outage_and_a_kill_lose_no_mail_and_each_is_sent_once(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    port = free_port()
    logins = {f"{name}@example.com" for name in ("alice", "bob", "carol")}
    with serving(tmp_path, port, **settings) as process:
        line(process)
        (tmp_path / "mail").rmdir()  # the relay is away
        assert [ask(port, login) for login in sorted(logins)] == [202, 202, 202]
        until(lambda: (tmp_path / "log").read_text().count('"mail.delayed"') == 3)
        process.kill()
        process.wait()
    waiting = json.loads(command(tmp_path, "mail", "list", "--json", **settings))["items"]
    assert {each["login"] for each in waiting} == logins
    for file in tmp_path.glob("ringfence.sqlite*"):
        assert not LINK.search(file.read_bytes())  # no link is at rest
    (tmp_path / "mail").mkdir(mode=0o700)
    ports = [free_port(), free_port()]
    with (
        serving(tmp_path, ports[0], **settings) as one,
        serving(tmp_path, ports[1], **settings) as two,
    ):
        line(one)
        line(two)
        assert command(tmp_path, "mail", "retry", "--all", **settings).endswith(" retried\n")
        until(lambda: len(mails(tmp_path)) == 3)
        until(lambda: command(tmp_path, "mail", "list", **settings) == "")
    sent = [message_from_bytes(file.read_bytes()) for file in mails(tmp_path)]
    assert sorted(mail["To"] for mail in sent) == sorted(logins)
    assert all(LINK.search(file.read_bytes()) for file in mails(tmp_path))


def test_an_operator_drops_a_mail_and_that_is_an_event(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port) as process:
        line(process)
        (tmp_path / "mail").rmdir()
        ask(port, "alice@example.com")
        until(lambda: '"mail.delayed"' in (tmp_path / "log").read_text())
    (waiting,) = json.loads(command(tmp_path, "mail", "list", "--json"))["items"]
    assert json.loads(command(tmp_path, "mail", "drop", waiting["id"], "--json")) == {
        "dropped": [waiting["id"]]
    }
    assert command(tmp_path, "mail", "list") == ""
    assert '"code":"mail.dropped"' in (tmp_path / "log").read_text()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        command(tmp_path, "mail", "drop", waiting["id"])
    assert caught.value.stderr.startswith("no mail waits that is called ")
