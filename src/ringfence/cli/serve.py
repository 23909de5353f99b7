"""``ringfence serve``: the auth service alone. Applications verify its tokens by its public keys.

One process: it holds its own hashing threads and its own memory of revocations. Start more of them
on one database where one is not enough. TLS ends in front of it; the address that browsers see is
``RINGFENCE_ORIGIN``.
"""

import argparse
import contextlib
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from ringfence.core.errors import ConfigurationError
from ringfence.core.policy import public
from ringfence.core.settings import parse

HELP: Final = "run the auth service alone"

_BACKLOG: Final = 512


def add_parser(subparsers: Any) -> None:  # noqa: ANN401  # argparse keeps its type private
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve",
        help=HELP,
        description=f"{HELP.capitalize()}, until Ctrl-C or SIGTERM; SIGHUP "
        "reads the keys and the log again. TLS ends in front of it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="the port; 0 takes a free one")


def run(arguments: argparse.Namespace) -> int:
    """Serve. Non-zero where the start was refused."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it may come before there is anything to reload
    settings = parse(os.environ)
    if importlib.util.find_spec("uvicorn") is None:
        raise ConfigurationError("there is no server here: pip install 'ringfence[server]'")
    from starlette.applications import Starlette
    from starlette.routing import Route

    from ringfence.monitoring.journal import open_journal
    from ringfence.monitoring.logs import logging_setup
    from ringfence.server import Server, config
    from ringfence.stack import Ringfence

    journal = open_journal(settings.log)
    logging_setup(journal.log, settings.log_level or "INFO")
    entrance = Starlette(routes=[Route("/", _to_the_account)])
    app = _Started(Ringfence(entrance, settings=settings, policies={"/": public}))
    configured = config(
        app,
        secure=settings.secure,
        max_age=settings.hsts_max_age,
        subdomains=settings.hsts_subdomains,
        log_config=None,
    )
    with _listening(arguments.host, arguments.port) as listening:
        host, port = listening.getsockname()[:2]
        app.greeting = f"{settings.origin} is served on {host} port {port}"
        with contextlib.suppress(SystemExit):  # a start that was refused
            Server(configured).run([listening])
    journal.close()
    if app.refused:
        raise ConfigurationError(*app.refused)
    return 0


async def _to_the_account(_request: object) -> Any:  # noqa: ANN401  # Starlette is imported late
    """Where a browser lands that has signed in and came from nowhere."""
    from starlette.responses import RedirectResponse

    return RedirectResponse("/auth/account", status_code=303)


class _Started:
    """Hands everything on; says that the start is over, or remembers why it was refused."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app: Final = app
        self.greeting = ""
        self.refused: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def listen(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.failed":
                self.refused = message["message"].splitlines()
            elif message["type"] == "lifespan.startup.complete":
                print(self.greeting, file=sys.stderr)
            await send(message)

        await self._app(scope, receive, listen)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OverflowError:
        raise ConfigurationError(f"{port} is no port") from None
    except socket.gaierror:
        raise ConfigurationError(f"there is no host {host}") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # the error's own words repeat the address
        raise ConfigurationError(f"cannot listen on {host} port {port}: {reason}") from None
