"""``ringfence serve`` as a process of its own, and how it is asked."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

SETTINGS = {"RINGFENCE_ENV": "test", "RINGFENCE_MAIL": "file:mail", "RINGFENCE_LOG": "log"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def serving(folder: Path, port: int, **more: str) -> Generator["subprocess.Popen[str]"]:
    environment = {
        **{name: value for name, value in os.environ.items() if "RINGFENCE" not in name},
        **SETTINGS,
        "RINGFENCE_ORIGIN": f"http://127.0.0.1:{port}",
        **more,
    }
    script = "import sys; from ringfence.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "serve", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def get(port: int, path: str) -> HTTPResponse:
    return fetched(port, path)[0]


def fetched(port: int, path: str) -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response, response.read()
