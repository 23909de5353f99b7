"""The shop as ``ringfence attack`` starts it: a process of its own that tells what its seams did.

It is the shop of ``ringfence demo``: the same code, guard, server and settings, with the layers off
that ``--off`` names. Added to it are, in every configuration alike:

- what hurried teams add (``hurried``), and handlers that call none of our functions (``plain``);
- names that an attacker's name server would answer for (``names``);
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
from typing import Final

from fastapi import FastAPI

from ringfence.attack.observed import Locked, MovedClock, Traced
from ringfence.core.errors import RingfenceError
from ringfence.core.settings import Environment, Settings, parse
from ringfence_demo import names, nobody, plain
from ringfence_demo.arguments import add_arguments
from ringfence_demo.data import Databases, DataFolder
from ringfence_demo.guarded import guard, settings
from ringfence_demo.hurried import (
    AnyOrigin,
    Language,
    MethodOverride,
    RequestLog,
    Unpacked,
    grow,
    leave_behind,
    trust_headers,
)
from ringfence_demo.postgres import PrivatePostgres, prepare
from ringfence_demo.seed import first_start
from ringfence_demo.server import bind, serve

_ENVIRONMENT: Final = "RINGFENCE_ENV"


def main() -> int:
    """Be attacked, until the parent lets go."""
    parser = argparse.ArgumentParser(prog="ringfence_demo.attacked")
    add_arguments(parser)
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--people", type=Path, required=True, help="logins and keys, as JSON")
    parser.add_argument("--clock", type=Path, required=True)
    parser.add_argument("--open", type=int, action="append", default=[], metavar="PORT")
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
    first_start(folder, databases, configured, json.loads(arguments.people.read_text()))
    trust_headers()
    names.install()
    pages, static = nobody.copies(folder.root)
    leave_behind(folder, static)
    guarded = guard(
        folder,
        databases,
        configured,
        reachable=arguments.reachable,
        ports=arguments.open,
        pages=pages,
        static=static,
        off=arguments.off,
        clock=MovedClock(arguments.clock),
        more=plain.router.routes,
    )
    app = guarded.app
    if not isinstance(app, FastAPI):
        raise TypeError("the shop is no FastAPI application")
    for helper in (MethodOverride, Unpacked, Language, AnyOrigin):
        app.add_middleware(helper)
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
