"""An application that has nothing of a shop: a diary, in Starlette, with forms and other routes.

It is started as a target is: a key on standard input, the origin on standard output.
"""

import asyncio
import html
import os
import secrets
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ringfence import Ringfence, allow, owner, public, safe_location, signed_in
from ringfence.attack.observed import Locked, Traced
from ringfence.core.exchange import current
from ringfence.core.settings import parse
from ringfence_demo.careless import careless

TABLE = "CREATE TABLE entries (key TEXT PRIMARY KEY, writer TEXT, words TEXT)"


class Entry:
    """One entry of somebody's diary."""

    def __init__(self, key: str, writer: str, words: str) -> None:
        self.key = key
        self.writer = writer
        self.words = words


own = allow(owner(Entry, by="key"))


class Diary:
    """The handlers, as careless as those of the shop: SQL is joined, nobody's ownership checked."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def load(self, key: str) -> Entry | None:
        """The loader of ``owner(Entry)``."""
        asked = text("SELECT key, writer, words FROM entries WHERE key = :key")
        async with self.engine.connect() as connection:
            row = (await connection.execute(asked, {"key": key})).first()
        return Entry(*row) if row is not None else None

    def owner(self, value: object) -> str:
        """Whose it is."""
        assert isinstance(value, Entry)
        return value.writer

    @allow(signed_in)
    async def mine(self, _request: Request) -> Response:
        asked = text("SELECT key, words FROM entries WHERE writer = :writer")
        async with self.engine.connect() as connection:
            rows = (await connection.execute(asked, {"writer": caller()})).all()
        return JSONResponse([list(row) for row in rows])

    @allow(signed_in)
    async def write(self, request: Request) -> Response:
        words, key = (await request.form())["words"], secrets.token_hex(8)
        made = text("INSERT INTO entries VALUES (:key, :writer, :words)")
        async with self.engine.begin() as connection:
            await connection.execute(made, {"key": key, "writer": caller(), "words": words})
        return JSONResponse({"entry": f"/diary/{key}"}, 201)

    @own
    async def read(self, request: Request) -> Response:
        entry = await self.load(request.path_params["key"])
        return PlainTextResponse(entry.words) if entry is not None else Response(status_code=404)

    @own
    async def rewrite(self, request: Request) -> Response:
        changed = text("UPDATE entries SET words = :words WHERE key = :key")
        values = {"key": request.path_params["key"], "words": (await request.form())["words"]}
        async with self.engine.begin() as connection:
            await connection.execute(changed, values)
        return Response(status_code=204)

    @own
    async def burn(self, request: Request) -> Response:
        gone = text("DELETE FROM entries WHERE key = :key")
        async with self.engine.begin() as connection:
            await connection.execute(gone, {"key": request.path_params["key"]})
        return Response(status_code=204)

    @allow(public)
    async def find(self, request: Request) -> Response:
        words = request.query_params.get("words", "")
        sql = f"SELECT words FROM entries WHERE writer = 'us' AND words LIKE '%{words}%'"
        async with self.engine.connect() as connection:
            rows = (await connection.exec_driver_sql(sql)).scalars().all()
        return PlainTextResponse("\n".join(html.escape(row) for row in rows))

    @allow(public)
    async def leave(self, request: Request) -> Response:
        return RedirectResponse(safe_location(request.query_params.get("to", "/find")))


def caller() -> str:
    """Who is asking."""
    exchange = current.get()
    if exchange is None or exchange.principal is None:
        raise HTTPException(401)  # reached with the layers off that ask before
    return exchange.principal.subject


def routes(diary: Diary) -> list[Route]:
    """Each handler has its policy."""
    return [
        Route("/find", diary.find, methods=["GET"]),
        Route("/leave", diary.leave, methods=["GET"]),
        Route("/diary", diary.mine, methods=["GET"]),
        Route("/diary", diary.write, methods=["POST"]),
        Route("/diary/{key}", diary.read, methods=["GET"]),
        Route("/diary/{key}", diary.rewrite, methods=["POST"]),
        Route("/diary/{key}", diary.burn, methods=["DELETE"]),
    ]


async def serve(folder: Path, off: Sequence[str], key: bytes) -> None:
    """Until the parent lets go, with careless layers in the place of ``off``."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'diary.sqlite'}")
    async with engine.begin() as connection:
        await connection.execute(text(TABLE))
        welcome = text("INSERT INTO entries VALUES ('first', 'us', 'Welcome to the diary')")
        await connection.execute(welcome)
    diary = Diary(engine)
    listening = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = parse({**os.environ, "RINGFENCE_ORIGIN": origin})
    app = Ringfence(
        Starlette(routes=routes(diary)),
        settings=settings,
        resources={Entry: diary},
        layers=careless(*off),
    )
    locked = Locked(Traced(app, folder / "traces.jsonl"), key)
    config = uvicorn.Config(locked, log_level="error", lifespan="on", proxy_headers=False)
    server = Announcing(config, origin)
    threading.Thread(target=end_with_the_parent, args=(server,), daemon=True).start()
    await server.serve([listening])
    await engine.dispose()


class Announcing(uvicorn.Server):
    """Says where it answers, once it does."""

    def __init__(self, config: uvicorn.Config, origin: str) -> None:
        super().__init__(config)
        self.origin = origin

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(self.origin + "\n")
            sys.stdout.flush()


def end_with_the_parent(server: uvicorn.Server) -> None:
    """Wait for the end of the pipe."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    server.should_exit = True


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2:], sys.stdin.buffer.readline().strip()))
