"""examples/nginx.conf, run by a real nginx in front of a real service."""

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.contract.serving import free_port, line, serving
from tests.docs.pages import ROOT

EXAMPLE = (ROOT / "examples/nginx.conf").read_text()

pytestmark = pytest.mark.nginx


@contextmanager
def nginx(folder: Path, front: int, back: int) -> Generator[None]:
    """Run nginx with the example, without TLS and on loopback."""
    example = re.sub(r" *ssl_\w+ .*\n", "", EXAMPLE).replace("443 ssl", f"127.0.0.1:{front}")
    (folder / "ringfence.conf").write_text(example.replace("127.0.0.1:8000", f"127.0.0.1:{back}"))
    paths = "".join(
        f"    {kind}_temp_path {folder};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "main.conf").write_text(
        f"user root;\ndaemon off;\npid {folder}/pid;\nerror_log {folder}/error;\nevents {{}}\n"
        f"http {{\n{paths}    access_log off;\n    include {folder}/ringfence.conf;\n}}\n"
    )
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert program is not None
    with subprocess.Popen([program, "-p", folder, "-c", folder / "main.conf"]) as process:
        try:
            deadline = time.monotonic() + 20
            while not (folder / "pid").exists() or not (folder / "pid").read_text():
                assert process.poll() is None, (folder / "error").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield
        finally:
            process.terminate()


def ask(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> HTTPResponse:
    """Ask from another address of loopback than nginx's own."""
    source = ("127.0.0.2", 0)
    connection = HTTPConnection("127.0.0.1", port, timeout=20, source_address=source)
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_the_service_behind_nginx_sees_its_clients_and_keeps_its_headers(tmp_path: Path) -> None:
    front, back = free_port(), free_port()
    more = {
        "RINGFENCE_ORIGIN": f"http://127.0.0.1:{front}",
        "RINGFENCE_TRUSTED_PROXIES": "127.0.0.1/32",
        "RINGFENCE_ACCESS_LOG": "on",
    }
    folder = tmp_path / "nginx"
    folder.mkdir()
    with serving(tmp_path, back, **more) as process, nginx(folder, front, back):
        line(process)
        alive = ask(front, "GET", "/healthz", x_forwarded_for="203.0.113.9")
        foreign = ask(front, "GET", "/auth/config", host="evil.example")
        json_body = {"content_type": "application/json", "sec_fetch_site": "same-origin"}
        small = ask(front, "POST", "/auth/prelogin", b'{"login":"alice@example.com"}', **json_body)
        large = ask(front, "POST", "/auth/prelogin", b" " * 1_048_577, **json_body)
        process.terminate()
        process.wait(20)
    assert [each.status for each in (alive, foreign, small, large)] == [200, 421, 200, 413]
    assert alive.getheader("x-content-type-options") == "nosniff"
    assert alive.getheader("server") == "nginx"
    log = [json.loads(each) for each in (tmp_path / "log").read_text().splitlines()]
    clients = {each["client"] for each in log if each.get("logger") == "access"}
    assert clients == {"127.0.0.2"}


def test_a_websocket_passes_through(tmp_path: Path) -> None:
    front, seen = free_port(), bytearray()
    with socket.create_server(("127.0.0.1", 0)) as upstream:

        def answer() -> None:
            connection, _ = upstream.accept()
            with connection:
                while not seen.endswith(b"\r\n\r\n"):
                    seen.extend(connection.recv(4096))
                connection.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\n"
                    b"upgrade: websocket\r\nconnection: upgrade\r\n\r\n"
                )
                connection.sendall(connection.recv(100).upper())

        thread = threading.Thread(target=answer)
        thread.start()
        with (
            nginx(tmp_path, front, upstream.getsockname()[1]),
            socket.create_connection(("127.0.0.1", front), timeout=20) as client,
        ):
            client.sendall(
                b"GET /live HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
            )
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            client.sendall(b"frame")
            assert client.recv(100) == b"FRAME"
        thread.join(20)
    assert head.startswith(b"HTTP/1.1 101 ")
    lines = bytes(seen).decode().lower().split("\r\n")
    assert {"upgrade: websocket", "connection: upgrade"} <= {*lines}
    assert [each for each in lines if "forwarded" in each] == ["x-forwarded-for: 127.0.0.1"]
