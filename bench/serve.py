"""``python -m bench.serve NAME QUERY PEOPLE CORE``: serve one contestant, and say where.

Every contestant is served alike: uvicorn with uvloop and httptools, one worker, no access log, no
header of its own but the date. What to send comes out as one line of JSON once it answers.
"""

import json
import os
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, cast

import uvicorn

from bench.contest import Case, Contestant, Query


class _Announcing(uvicorn.Server):
    """Says when it answers, and what to send."""

    def __init__(self, config: uvicorn.Config, contestant: Contestant) -> None:
        super().__init__(config)
        self._contestant = contestant

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started and sockets:
            told = {
                "port": sockets[0].getsockname()[1],
                "requests": [asdict(request) for request in self._contestant.requests],
            }
            print(json.dumps(told), flush=True)


def serve(name: str, query: str, people: str, core: str) -> None:
    """Serve until SIGTERM."""
    os.sched_setaffinity(0, {int(core)})
    signal.signal(signal.SIGTERM, _interrupt)
    with (
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="ringfence-bench-") as folder,
        socket.create_server(("127.0.0.1", 0), backlog=512) as listening,
    ):
        case = Case(
            folder=Path(folder),
            origin=f"http://127.0.0.1:{listening.getsockname()[1]}",
            query=cast("Query", query),
            people=int(people),
        )
        contestant: Contestant = import_module(f"bench.contestants.{name}").build(case)
        config = uvicorn.Config(
            cast("Any", contestant.app),
            access_log=False,
            http="httptools",
            lifespan="on",
            log_level="error",
            loop="uvloop",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=3600,  # a connection waits while the others have their turn
        )
        _Announcing(config, contestant).run([listening])


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    serve(*sys.argv[1:])
