"""A handler gets the values that were judged, whatever happens to the path on the way to it."""

import functools
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from ringfence import allow, owner, public
from tests.attack.authz.guarded import Site, guarded

THIRD, FOURTH = "12345678-1234-5678-1234-567812345678", "02345678123456781234567812345678"


class Note:
    """What alice and bob own one of each."""

    owners: ClassVar = {"1": "alice", "2": "bob"}


class Notes:
    """Loads a note by its number."""

    async def load(self, key: str) -> str | None:
        return key if key in Note.owners else None

    def owner(self, value: str) -> str:
        return Note.owners[value]


async def plain(request: Any) -> PlainTextResponse:
    return PlainTextResponse(f"read {request.path_params['item']}")


class Page(HTTPEndpoint):
    """A handler that is a class."""

    async def get(self, request: Any) -> PlainTextResponse:
        return await plain(request)


class Rewritten:
    """A middleware of the application's that changes the path, in place or in a copy."""

    def __init__(self, app: Any, old: str, new: str, *, copy: bool) -> None:
        self.app = app
        self.old, self.new = old, new
        self.copy = copy

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == self.old:
            scope = dict(scope) if self.copy else scope
            scope.update(path=self.new, raw_path=self.new.encode())
        await self.app(scope, receive, send)


def application(root: str = "") -> FastAPI:
    app = FastAPI(openapi_url=None)
    inner: Any = APIRouter()
    app.root_path = root  # the argument is deprecated, and it still does the same

    @app.get("/notes/{item}")
    @allow(owner(Note))
    async def note(item: str) -> PlainTextResponse:
        return PlainTextResponse(f"read {item}")

    @app.get("/numbers/{item:int}")
    @allow(public)
    async def number(item: int) -> PlainTextResponse:
        return PlainTextResponse(f"read {item}")

    @app.get("/ids/{item:uuid}")
    @allow(public)
    async def identifier(item: Any) -> PlainTextResponse:
        return PlainTextResponse(f"read {item}")

    @app.get("/files/{item:path}")
    @allow(public)
    async def file(item: str) -> PlainTextResponse:
        return PlainTextResponse(f"read {item}")

    @inner.get("/deep/{item}")
    @allow(public)
    async def deep(item: str) -> PlainTextResponse:
        return PlainTextResponse(f"read {item}")

    inner.add_route("/plain/{item}", allow(public)(plain))
    inner.add_route("/class/{item}", allow(public)(Page))
    inner.add_route("/partial/{item}", functools.partial(allow(public)(plain)))

    @app.websocket("/sockets/{item}")
    @inner.websocket("/sockets/{item}")
    @allow(public)
    async def socket(item: str, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"read {item}")

    app.include_router(inner, prefix="/in")
    app.router.routes.append(Mount("/of/{item}", routes=[Route("/x", allow(public)(plain))]))
    return app


#: By what kind of route it is: the path that is asked for, and the one a middleware makes of it.
WAYS: dict[str, tuple[str, str, str]] = {
    "of a resource": ("/notes/1", "/notes/2", "read 2"),
    "a number": ("/numbers/1", "/numbers/2", "read 2"),
    "a UUID": (f"/ids/{THIRD}", f"/ids/{FOURTH}", "read 02345678-1234-5678-1234-567812345678"),
    "a path": ("/files/a", "/files/a/b", "read a/b"),
    "included": ("/in/deep/1", "/in/deep/2", "read 2"),
    "included, Starlette's": ("/in/plain/1", "/in/plain/2", "read 2"),
    "included, a class": ("/in/class/1", "/in/class/2", "read 2"),
    "included, a partial": ("/in/partial/1", "/in/partial/2", "read 2"),
    "of a mount": ("/of/1/x", "/of/2/x", "read 2"),
}
RESOURCES: Any = {Note: Notes()}


@pytest.mark.parametrize("copy", [True, False], ids=["copied", "in place"])
@pytest.mark.parametrize("way", WAYS)
async def test_no_middleware_swaps_the_value_that_was_judged(
    way: str, *, copy: bool, tmp_path: Path
) -> None:
    old, new, _ = WAYS[way]
    app = application()
    app.add_middleware(Rewritten, old=old, new=new, copy=copy)
    async with guarded(app, tmp_path, resources=RESOURCES) as site:
        answer = await site.get(old, headers=site.bearer("alice"))
        assert (answer.status_code, answer.json()["code"]) == (404, "resource.missing")
    (event,) = [event for event in logged(tmp_path) if event["code"] == "route.unsealed"]
    assert event["facts"] == {"changed": "item"}


@pytest.mark.parametrize("way", WAYS)
async def test_with_authz_off_it_does(way: str, tmp_path: Path) -> None:
    old, new, served = WAYS[way]
    app = application()
    app.add_middleware(Rewritten, old=old, new=new, copy=True)
    async with guarded(app, tmp_path, off=["authz"], resources=RESOURCES) as site:
        assert (await site.get(old, headers=site.bearer("alice"))).text == served


@pytest.mark.parametrize("way", WAYS)
async def test_an_unchanged_value_is_served(way: str, tmp_path: Path) -> None:
    _, path, served = WAYS[way]
    async with guarded(application(), tmp_path, resources=RESOURCES) as site:
        assert (await site.get(path, headers=site.bearer("bob"))).text == served


async def test_numbers_are_compared_as_the_handler_gets_them(tmp_path: Path) -> None:
    async with guarded(application(), tmp_path, resources=RESOURCES) as site:
        assert (await site.get("/numbers/007")).text == "read 7"


@pytest.mark.parametrize("prefix", ["", "/in"], ids=["its own", "included"])
@pytest.mark.parametrize("off", [[], ["authz"]], ids=["guarded", "with authz off"])
async def test_the_same_of_websockets(prefix: str, off: list[str], tmp_path: Path) -> None:
    old, new = f"{prefix}/sockets/1", f"{prefix}/sockets/2"
    app = application()
    app.add_middleware(Rewritten, old=old, new=new, copy=True)
    async with guarded(app, tmp_path, off=off, resources=RESOURCES) as site:
        assert await heard(site, f"{prefix}/sockets/7") == "read 7"
        assert await heard(site, old) == ("read 2" if off else "")


async def heard(site: Site, path: str) -> str:
    """The first text that a WebSocket at ``path`` sends; nothing if it is closed before."""
    texts: list[str] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        texts.append(message.get("text", ""))

    scope = {
        "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"test.example")], "client": ("203.0.113.7", 1), "root_path": "",
        "scheme": "ws", "subprotocols": [],
    }  # fmt: skip
    await site.guard(scope, receive, send)
    return "".join(texts)


# -------------------------------------------------------------- a prefix of the application's own


@pytest.mark.parametrize("prefix", ["", "/files"], ids=["taken off by a proxy", "still there"])
async def test_an_application_below_a_prefix_is_judged_by_what_it_will_read(
    prefix: str, tmp_path: Path
) -> None:
    """``FastAPI(root_path="/files")`` reads ``/files/notes/2`` as ``/notes/2``."""
    async with guarded(application("/files"), tmp_path, resources=RESOURCES) as site:
        path = f"{prefix}/notes/2"
        assert (await site.get(path)).status_code == 401
        assert (await site.get(path, headers=site.bearer("alice"))).status_code == 404
        assert (await site.get(path, headers=site.bearer("bob"))).text == "read 2"


async def test_a_prefix_that_looks_like_a_route_is_taken_off_once(tmp_path: Path) -> None:
    async with guarded(application("/files"), tmp_path, resources=RESOURCES) as site:
        assert (await site.get("/files/files/notes/2")).text == "read notes/2"
        assert (await site.get("/files/auth/config")).status_code == 200


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]
