"""How the shop and its twin are served: uvicorn, one worker, on a socket that is bound beforehand.

How, ``ringfence.server`` says.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from ringfence.server import Server, config

BACKLOG: Final = 512


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        OSError: The port is taken, or not ours to take; the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


class _Announcing(Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so; a start that was refused says nothing."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(app: Any, listening: socket.socket, ready: Callable[[], None]) -> bool:  # noqa: ANN401  # an ASGI application
    """Serve until Ctrl-C, SIGTERM, or the terminal goes; False if the start was refused.

    What is left to do then is done in peace: no further signal interrupts it.
    """
    configured = config(
        app, secure=False, log_config=None, log_level="error", timeout_graceful_shutdown=3
    )
    server = _Announcing(configured, ready)
    signal.signal(signal.SIGHUP, server.handle_exit)  # a demo has nothing to reload
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the server listens
    with contextlib.suppress(KeyboardInterrupt, SystemExit), _runner(configured) as runner:
        runner.run(server.serve([listening]))
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    return server.started


def _runner(configured: uvicorn.Config) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=configured.get_loop_factory())
