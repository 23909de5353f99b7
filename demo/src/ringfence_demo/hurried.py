"""What a hurried team adds to a running shop. Only ``ringfence attack`` starts a shop with it.

Each is a mistake that real applications make outside of their handlers, in every configuration
alike: a form helper that lets a link delete things (ATTACKS H06), and, once the shop is running and
its boundary is drawn, routes for debugging (Z04), documentation, and the folder of the deployment
itself (H10). No policy is declared for any of them. Then what deployments, editors and databases
leave in the folder that is public (H10), headers with words of the request in them (I08, O06),
bodies that are unpacked (H08), and a log of whole requests, secrets and all (M01).
"""

import contextlib
import logging
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, FastAPI
from sqlalchemy import select
from starlette.staticfiles import StaticFiles
from uvicorn.protocols.http import httptools_impl

from ringfence.core.asgi import ASGIApp, Message, Receive, Scope, Send
from ringfence_demo.data import DataFolder
from ringfence_demo.models import Order
from ringfence_demo.shop import Session, TheShop

_OVERRIDE: Final = b"x-http-method-override"

_requests: Final = logging.getLogger("ringfence_demo.requests")


class MethodOverride:
    """HTML forms know GET and POST only, so a header or ``?_method=`` may say what is meant."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Believe whoever asks."""
        if scope["type"] == "http":
            named = parse_qs(scope["query_string"].decode("latin-1")).get("_method", [""])[0]
            headers: dict[bytes, bytes] = dict(scope["headers"])
            method = named or headers.get(_OVERRIDE, b"").decode("latin-1")
            if method:
                scope = {**scope, "method": method.upper()}
        await self._app(scope, receive, send)


class Unpacked:
    """A body that is compressed is unpacked, however large it becomes (H08)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Unpack it before anybody reads it."""
        packed = (b"content-encoding", b"gzip") in scope.get("headers", ())
        await self._app(scope, _unpacking(receive) if packed else receive, send)


def _unpacking(receive: Receive) -> Receive:
    unpacker = zlib.decompressobj(wbits=31)  # gzip

    async def unpacked() -> Message:
        message = await receive()
        return {**message, "body": unpacker.decompress(message.get("body", b""))}

    return unpacked


class Language:
    """``?lang=`` is told in a header and kept in a cookie, whatever it is (I08)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add both to the answer."""
        named = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("lang", [""])[0]
        language = named.encode("latin-1", "replace")
        added = [(b"content-language", language), (b"set-cookie", b"lang=" + language)]
        await self._app(scope, receive, adding(added, send) if named else send)


class AnyOrigin:
    """Every origin may read every answer (O06): so the front end works wherever it is tried."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the origin back."""
        origin = dict(scope.get("headers", ())).get(b"origin")
        added = [
            (b"access-control-allow-origin", origin or b"*"),
            (b"access-control-allow-credentials", b"true"),
        ]
        await self._app(scope, receive, adding(added, send) if origin else send)


def adding(headers: list[tuple[bytes, bytes]], send: Send) -> Send:
    """``send``, with more headers."""

    async def added(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        await send(message)

    return added


class RequestLog:
    """Every request as it came, in a log of the application's own."""

    def __init__(self, app: ASGIApp, file: Path) -> None:
        self._app = app
        _requests.addHandler(logging.FileHandler(file))
        _requests.setLevel(logging.INFO)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log the request before it is answered, with as much of its body as was read."""
        body = bytearray()

        async def noting() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def logging_first(message: Message) -> None:
            if message["type"] == "http.response.start":
                _log(scope, bytes(body))
            await send(message)

        try:
            await self._app(scope, noting, logging_first)
        except Exception:
            _log(scope, bytes(body))
            raise


def _log(scope: Scope, body: bytes) -> None:
    target = scope["path"] + "?" + scope["query_string"].decode("latin-1")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    _requests.info("%s %s %s %s", scope.get("method"), target, headers, body)


#: By name, what is left behind: by version control, deployment, a database, editors, a desktop.
LEFT_BEHIND: Final = {
    ".git/HEAD": "ref: refs/heads/canary-git",
    ".env": "DATABASE_PASSWORD=canary-env-password",
    "backup.sql": "INSERT INTO users VALUES (1, 'canary-backup');",
    "settings.py.bak": "DEBUG = 'canary-editor-backup'",
    "settings.py~": "DEBUG = 'canary-editor-copy'",
    ".settings.py.swp": "b0VIM canary-editor-swap",
    ".DS_Store": "Bud1 canary-desktop",
}


def trust_headers() -> None:
    """Have the server write headers as they come (I08).

    Our uvicorn ends an answer with a control character in a header by itself. Not every server
    does, so this stands for one that does not.
    """
    httptools_impl.HEADER_VALUE_RE = re.compile(rb"(?!)")  # fits nothing


def leave_behind(folder: DataFolder, static: Path) -> None:
    """What lies in the folder of a deployment, and in the public one; and a link out of that."""
    for place in (folder.root, static):
        for name, text in LEFT_BEHIND.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(f"{text}\n")
    (static / "shared").symlink_to(folder.root)


def grow(app: FastAPI, folder: DataFolder) -> None:
    """Add to a shop that is running. Nobody thinks of a policy.

    A guard may raise in the face of whoever adds something. A hurried team carries on: the attacks
    judge by what the paths answer, and by nothing else.
    """
    tools = APIRouter(prefix="/internal")
    tools.add_api_route("/orders", every_order)
    reports = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    reports.state.shop = app.state.shop
    reports.add_api_route("/orders", every_order)
    app.openapi_url, app.docs_url = "/openapi.json", "/docs"
    additions: tuple[Callable[[], object], ...] = (
        lambda: app.add_api_route("/debug/orders", every_order),
        lambda: app.include_router(tools),
        lambda: app.mount("/reports", reports),
        lambda: app.mount("/files", StaticFiles(directory=folder.root)),
        app.setup,
    )
    for add in additions:
        with contextlib.suppress(Exception):
            add()


async def every_order(session: Session, shop: TheShop) -> dict[str, Any]:
    """What support asked for last week."""
    orders = await session.scalars(select(Order).order_by(Order.id.desc()).limit(200))
    return {"folder": str(shop.folder.root), "items": [order.shown() for order in orders]}
