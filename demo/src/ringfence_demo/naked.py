"""The naked twin: the same shop with every layer off, as a process of its own.

It shows what the shop's code does without Ringfence, so it is kept where nobody meets it by
accident: on loopback, under another host name (ports share cookies) and under a path that is drawn
anew for each run, so that no web page can reach it. Where the demo was started as root it runs as
``nobody``. It has its own data, in a temporary folder, and ends with its parent: what keeps it
alive is the pipe that the parent holds.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ringfence.boundary.urls.outbound import Endpoint
from ringfence.core.asgi import Message
from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError
from ringfence_demo import nobody
from ringfence_demo.data import Databases, DataFolder
from ringfence_demo.guarded import guard, settings
from ringfence_demo.seed import first_start
from ringfence_demo.server import bind, serve

HOST: Final = "localhost"

_NOT_FOUND: Final = (
    {"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]},
    {"type": "http.response.body", "body": b""},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What the parent says to its twin, as one line of JSON."""

    databases: dict[str, str] | None  # of ``Databases``; None: SQLite in the twin's own folder
    reachable: list[tuple[str, int]]


class Twin:
    """The parent's side."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, databases: Databases | None, reachable: Iterable[Endpoint]) -> str:
        """Start the twin, and wait until it answers; returns its address.

        Raises:
            ConfigurationError: It did not start; why, it has said on standard error.
        """
        brief = Brief(
            databases=asdict(databases) if databases is not None else None,
            reachable=list(reachable),
        )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RINGFENCE_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "ringfence_demo.naked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which then ends its twin
        )
        self._process = process
        pipes = process.stdin, process.stdout
        if pipes[0] is None or pipes[1] is None:
            raise ConfigurationError("the naked twin has no pipes")
        pipes[0].write(json.dumps(asdict(brief)).encode() + b"\n")
        pipes[0].flush()
        address = pipes[1].readline().decode().strip()
        if not address:
            raise ConfigurationError("the naked twin did not start")
        return address

    def stop(self) -> None:
        """End the twin: without its parent's pipe it goes."""
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Behind:
    """An ASGI application that exists below one path only."""

    def __init__(self, app: Any, prefix: str) -> None:  # noqa: ANN401  # any ASGI application
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:  # noqa: ANN401  # as the protocol has it
        """Pass on what is below the prefix; nothing else is there, not even an error page."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if not scope["path"].startswith(self._prefix + "/"):
            if scope["type"] == "http":
                for message in _NOT_FOUND:
                    await send(message)
            else:
                await send({"type": "websocket.close"})
            return
        await self._app({**scope, "root_path": self._prefix}, receive, send)


def main() -> None:
    """Be the twin, until the parent lets go."""
    said = json.loads(sys.stdin.buffer.readline())
    listening = bind("127.0.0.1", 0)
    origin = f"http://{HOST}:{listening.getsockname()[1]}"
    folder = DataFolder(Path(tempfile.mkdtemp(prefix="ringfence-naked-")))
    threading.Thread(target=_end_with_the_parent, args=(folder.root,), daemon=True).start()
    databases = Databases(**said["databases"]) if said["databases"] else Databases.sqlite(folder)
    configured = settings(folder, databases, {"RINGFENCE_LOG": os.devnull}, origin=origin)
    first_start(folder, databases, configured)
    reachable = [(host, port) for host, port in said["reachable"]]
    pages, static = nobody.copies(folder.root)
    app = guard(
        folder, databases, configured, reachable=reachable, pages=pages, static=static, off=Layer
    )
    prefix = "/" + secrets.token_hex(16)

    def ready() -> None:
        nobody.become(folder.root)
        print(f"{origin}{prefix}/", flush=True)

    try:
        serve(Behind(app, prefix), listening, ready)
    finally:
        shutil.rmtree(folder.root, ignore_errors=True)


def _end_with_the_parent(folder: Path) -> None:
    """Wait for the end of the pipe, which comes however the parent ends."""
    while os.read(sys.stdin.fileno(), 1024):  # unbuffered: Python takes no lock of it at its end
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
