"""How the shop and its twin are served: uvicorn, one worker, on a socket that is bound beforehand.

How, ``ringfence.server`` says.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import uvicorn

from ringfence.server import config

BACKLOG: Final = 512


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        OSError: The port is taken, or not ours to take; the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


class _Announcing(uvicorn.Server):
    """Says when it answers, and lets an impatient second Ctrl-C cut nothing short."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so; a start that was refused says nothing."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends the server; it does so within seconds, whatever comes after."""
        if not self.should_exit:
            super().handle_exit(sig, frame)


def serve(app: Any, listening: socket.socket, ready: Callable[[], None]) -> bool:  # noqa: ANN401  # an ASGI application
    """Serve until Ctrl-C or SIGTERM; False if the application refused to start."""
    configured = config(
        app, secure=False, log_config=None, log_level="error", timeout_graceful_shutdown=3
    )
    server = _Announcing(configured, ready)

    def interrupt(_signal: int, _frame: object) -> None:
        """Called until the server listens to signals, and again once it has ended."""
        if not server.should_exit:
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    with (
        contextlib.suppress(KeyboardInterrupt, SystemExit),
        asyncio.Runner(loop_factory=configured.get_loop_factory()) as runner,
    ):
        runner.run(server.serve([listening]))
    return server.started
