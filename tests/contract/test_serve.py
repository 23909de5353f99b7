"""``ringfence serve``: the auth service as a process of its own."""

import json
import re
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from ringfence.storage.keys import Kind, rotate
from tests.contract.serving import fetched, free_port, get, line, serving


def test_it_answers_says_so_and_ends_when_it_is_told(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port) as process:
        assert line(process) == f"http://127.0.0.1:{port} is served on 127.0.0.1 port {port}\n"
        alive, missing = get(port, "/healthz"), get(port, "/orders/1")
        entrance = get(port, "/")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert (alive.status, missing.status) == (200, 404)
    assert (entrance.status, entrance.getheader("location")) == (303, "/auth/account")
    assert alive.getheader("server") is None
    assert alive.getheader("x-content-type-options") == "nosniff"
    assert re.search(r'"code":"route.unknown"', (tmp_path / "log").read_text())


def test_every_line_is_json_and_every_request_is_one_of_them(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, RINGFENCE_ACCESS_LOG="on") as process:
        line(process)
        asked = [get(port, path) for path in ("/healthz", "/?violet=kettle", "/orders/violet")]
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET violet HTTP/1.1\r\n\r\n")  # the server itself refuses it
            assert client.recv(12) == b"HTTP/1.1 400"
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    text = (tmp_path / "log").read_text()
    lines = [json.loads(each) for each in text.splitlines()]
    requests = [each for each in lines if each.get("logger") == "access"]
    assert [(each.get("route"), each["status"]) for each in requests] == [
        ("/healthz", 200),
        ("/", 303),
        (None, 404),
        (None, 400),
    ]
    assert [each["request_id"] for each in requests[:3]] == [
        a.getheader("x-request-id") for a in asked
    ]
    assert all(each["client"] == "127.0.0.1" for each in requests)
    assert all(each["milliseconds"] > 0 for each in requests[:3])  # the server's refusal takes none
    assert "violet" not in json.dumps(requests)


def test_a_start_that_is_refused_says_why(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o755)
    with serving(tmp_path, free_port()) as process:
        assert line(process) == "keys is open to other users\n"
        assert process.wait(timeout=20) == 1


def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with serving(tmp_path, port) as process:
            expected = f"cannot listen on 127.0.0.1 port {port}: Address already in use\n"
            assert line(process) == expected
            assert process.wait(timeout=20) == 1


@pytest.mark.parametrize("name", ["RINGFENCE_LAYERS_OFF", "RINGFENCE_TYPO"])
def test_wrong_settings_are_named_before_anything_is_opened(tmp_path: Path, name: str) -> None:
    with serving(tmp_path, free_port(), **{name: "nothing"}) as process:
        assert line(process).startswith(name)
        assert process.wait(timeout=20) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sign_ins_under_way_are_answered_before_it_ends(tmp_path: Path, number: int) -> None:
    """Issue 9, B7: each was a 500, or nothing. Their passwords are hashed meanwhile."""
    port = free_port()
    with serving(tmp_path, port) as process:
        line(process)
        with ExitStack() as stack:
            calls = [
                stack.enter_context(closing(sign_in(port, f"{name}@example.com")))
                for name in range(5)
            ]
            answers = [calls.pop().getresponse().status]  # all have been read by now
            process.send_signal(number)
            process.send_signal(number)  # impatience changes nothing
            answers += [call.getresponse().status for call in calls]
            assert process.wait(timeout=20) == 0
    assert answers == [401] * 5


def sign_in(port: int, login: str) -> HTTPConnection:
    """A call that has been sent."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"login": login, "password": "violet kettle orbits quietly"})
    headers = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"}
    connection.request("POST", "/auth/sign-in", body, headers)
    return connection


def events(folder: Path, *codes: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (folder / "log").read_text().splitlines())
    return [made for made in lines if made.get("code") in codes]


def test_sighup_reads_keys_and_log_again_and_ends_nothing(tmp_path: Path) -> None:
    """Issue 9, B7: it killed the service, and whoever was being answered."""
    port = free_port()
    with serving(tmp_path, port) as process:
        line(process)
        (tmp_path / "log").rename(tmp_path / "log.1")
        rotate(tmp_path / "keys", datetime.now(UTC), Kind.PEPPER)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: (tmp_path / "log").exists() and events(tmp_path, "keys.read"))
        assert events(tmp_path, "service.reloaded")
        assert get(port, "/healthz").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert events(tmp_path, "keys.read")[0]["facts"]["pepper"] == 2


def test_a_rotation_is_noticed_by_every_process_without_being_told(tmp_path: Path) -> None:
    """Issue 9, B6: they were to be started anew, and refused each other's tokens meanwhile."""
    ports = free_port(), free_port()
    with serving(tmp_path, ports[0]) as one, serving(tmp_path, ports[1]) as other:
        line(one)
        line(other)
        kid = rotate(tmp_path / "keys", datetime.now(UTC), at_once=True).kid

        def published(port: int) -> list[str]:
            _, keys = fetched(port, "/.well-known/jwks.json")
            return [key["kid"] for key in json.loads(keys)["keys"]]

        for port in ports:
            wait_for(lambda port=port: published(port) == [kid])


def wait_for(condition: Callable[[], object]) -> None:
    """Until it holds; the deadline is for a machine that is busy."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
