"""The shop as ``ringfence attack`` starts it: a process of its own that tells what its seams did.

It is the shop of ``ringfence demo``: the same code, guard, server and settings, with the layers off
that ``RINGFENCE_LAYERS_OFF`` names. Added to it are, in every configuration alike:

- what hurried teams add (``hurried``);
- a line in a file for each request, with the traces of the controls that acted by construction, so
  that a report can name who stopped an attack in silence. The guard knows nothing of it.

It is kept as the naked twin is: on loopback, as an unprivileged user where the starter is root, and
for its parent alone. Whoever does not show the key that the parent drew finds nothing, so that no
web page can reach it, and it ends with the pipe that the parent holds.

With ``RINGFENCE_ENV=production`` it runs as in production: no layer can be off, mail goes by SMTP
under TLS, the origin is ``https``. TLS itself ends in front of it, as behind a load balancer.
"""

import argparse
import encodings.idna  # noqa: F401  # pyright: ignore[reportUnusedImport]  # for SMTP: who became nobody may not read Python's own folder
import json
import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from ringfence.core.errors import RingfenceError
from ringfence.core.exchange import SCOPE_KEY, Exchange
from ringfence.core.settings import Environment, Settings, parse
from ringfence_demo import nobody
from ringfence_demo.arguments import add_arguments
from ringfence_demo.data import Databases, DataFolder
from ringfence_demo.guarded import guard, settings
from ringfence_demo.hurried import MethodOverride, RequestLog, grow, leave_behind
from ringfence_demo.postgres import PrivatePostgres, prepare
from ringfence_demo.seed import first_start
from ringfence_demo.server import bind, serve

_ENVIRONMENT: Final = "RINGFENCE_ENV"

_NOT_FOUND: Final = (
    {"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]},
    {"type": "http.response.body", "body": b""},
)


class Locked:
    """An ASGI application that is there for whoever shows the key, and for nobody else."""

    def __init__(self, app: Any, key: bytes) -> None:  # noqa: ANN401  # an ASGI application
        self._app = app
        self._key = (b"x-attacked", key)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as the protocol has it
        """Pass the request on, without the key."""
        if scope["type"] == "http":
            if self._key not in scope["headers"]:
                for message in _NOT_FOUND:
                    await send(message)
                return
            scope["headers"] = [header for header in scope["headers"] if header != self._key]
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        await self._app(scope, receive, send)


class Traced:
    """Writes down what the controls did to each request, once it is answered."""

    def __init__(self, app: Any, file: Path) -> None:  # noqa: ANN401  # an ASGI application
        self._app = app
        self._lines = file.open("a", buffering=1)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as the protocol has it
        """Pass the request on."""
        exchanges: list[Exchange] = []

        async def watched(message: Any) -> None:  # noqa: ANN401  # as the protocol has it
            if not exchanges and isinstance(scope.get(SCOPE_KEY), Exchange):
                exchanges.append(scope[SCOPE_KEY])  # the guard takes it away in the end
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            for exchange in exchanges:
                traces = [code.name for code in exchange.traces]
                line = {"request_id": exchange.request_id, "traces": traces}
                self._lines.write(json.dumps(line) + "\n")


def main() -> int:
    """Be attacked, until the parent lets go."""
    parser = argparse.ArgumentParser(prog="ringfence_demo.attacked")
    add_arguments(parser)
    parser.add_argument("--traces", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        with ExitStack() as stack:
            return _run(arguments, stack)
    except RingfenceError as error:
        print("\n".join(getattr(error, "problems", (str(error),))), file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace, stack: ExitStack) -> int:
    listening = stack.enter_context(bind("127.0.0.1", arguments.port))
    folder = DataFolder(arguments.data.absolute())
    databases = Databases.sqlite(folder)
    if arguments.database == "postgres":
        server = PrivatePostgres()
        stack.callback(server.stop)
        databases = prepare(server.start(), "attacked")
    key = sys.stdin.buffer.readline().strip()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    configured = _settings(folder, databases, listening.getsockname()[1])
    first_start(folder, databases, configured)
    leave_behind(folder)
    pages, static = nobody.copies(folder.root)
    guarded = guard(
        folder, databases, configured, reachable=arguments.reachable, pages=pages, static=static
    )
    app = guarded.app
    if not isinstance(app, FastAPI):
        raise TypeError("the shop is no FastAPI application")
    app.add_middleware(MethodOverride)
    app.add_middleware(RequestLog, file=folder.requests)

    def ready() -> None:
        grow(app, folder)
        nobody.become(folder.root.parent)
        print(configured.origin, flush=True)

    return 0 if serve(Locked(Traced(guarded, arguments.traces), key), listening, ready) else 1


def _settings(folder: DataFolder, databases: Databases, port: int) -> Settings:
    if os.environ.get(_ENVIRONMENT) != Environment.PRODUCTION:
        return settings(folder, databases, os.environ, origin=f"http://127.0.0.1:{port}")
    return parse(
        {
            **os.environ,
            "RINGFENCE_ORIGIN": f"https://127.0.0.1:{port}",
            "RINGFENCE_DATABASE": databases.accounts,
            "RINGFENCE_KEYS": str(folder.keys),
        }
    )


def _end_with_the_parent() -> None:
    """Wait for the end of the pipe, which comes however the parent ends."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
