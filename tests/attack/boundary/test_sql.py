"""ATTACKS I01 and I02: SQL that a client wrote never runs, whichever way it came in.

A careless application on a real database, behind a whole, running stack: each attack is refused
with the boundary layer on and reads another one's canary with it off, while ordinary searches give
the same answers both times.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from fastapi import Cookie, FastAPI, Form, Header, Request, WebSocket
from sqlalchemy.ext.asyncio import create_async_engine

from ringfence import allow, public
from ringfence.core.codes import Layer
from tests.attack.authz.guarded import Site, guarded

CANARY = "canary-of-bob"
SCHEMA = f"""
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, secret TEXT);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, owner TEXT, note TEXT);
    INSERT INTO products VALUES (1, 'Red mug', 30, 'b'), (2, 'Honey jar', 20, 'c'),
        (3, 'Order by mail', 10, 'a');
    INSERT INTO orders VALUES (1, 'alice', 'mine'), (2, 'bob', '{CANARY}');
"""


def of_alice(note: str) -> str:
    """What most handlers ask, with what they were sent."""
    return f"SELECT note FROM orders WHERE owner = 'alice' AND note = '{note}'"


class Careless:
    """Handlers that join whatever they are sent onto a statement."""

    def __init__(self, file: Path) -> None:
        self.engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
        self.sync_engine = sa.create_engine(f"sqlite:///{file}")

    async def rows(self, statement: str) -> list[list[Any]]:
        async with self.engine.connect() as connection:
            return [list(row) for row in await connection.exec_driver_sql(statement)]

    def sync_rows(self, statement: str) -> list[list[Any]]:
        with self.sync_engine.connect() as connection:
            return [list(row) for row in connection.execute(sa.text(statement))]

    @allow(public)
    async def products(self, q: str = "", sort: str = "id") -> list[list[Any]]:
        return await self.rows(
            f"SELECT id, name FROM products WHERE name LIKE '%{q}%' ORDER BY {sort}"
        )

    @allow(public)
    async def order(self, number: str) -> list[list[Any]]:
        return await self.rows(f"SELECT note FROM orders WHERE owner = 'alice' AND id = {number}")

    @allow(public)
    async def json(self, request: Request) -> list[list[Any]]:
        return await self.rows(of_alice((await request.json())["filter"]["note"]))

    @allow(public)
    async def form(self, note: Annotated[str, Form()]) -> list[list[Any]]:
        return await self.rows(of_alice(note))

    @allow(public)
    async def cookie(self, note: Annotated[str, Cookie()]) -> list[list[Any]]:
        return await self.rows(of_alice(note))

    @allow(public)
    async def header(self, x_note: Annotated[str, Header()]) -> list[list[Any]]:
        return await self.rows(of_alice(x_note))

    @allow(public)
    async def thread(self, note: str) -> list[list[Any]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self.sync_rows, of_alice(note))

    @allow(public)
    def sync(self, note: str) -> list[list[Any]]:
        return self.sync_rows(of_alice(note))

    @allow(public)
    async def socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(await self.rows(of_alice(await websocket.receive_text())))
        await websocket.close()

    def app(self) -> FastAPI:
        made = FastAPI(openapi_url=None)
        for handler in (self.products, self.cookie, self.header, self.thread, self.sync):
            made.add_api_route(f"/{handler.__name__}", handler)
        for handler in (self.json, self.form):
            made.add_api_route(f"/{handler.__name__}", handler, methods=["POST"])
        made.add_api_route("/orders/{number}", self.order)
        made.add_api_websocket_route("/socket", self.socket)
        return made


@asynccontextmanager
async def careless_site(folder: Path, *, off: bool) -> AsyncGenerator[Site]:
    careless = Careless(folder / "shop.sqlite")
    layers = [Layer.BOUNDARY] if off else []
    async with guarded(careless.app(), folder, off=layers) as site:
        yield site
    await careless.engine.dispose()
    careless.sync_engine.dispose()


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Two folders, each with a database in it."""
    found: dict[str, Path] = {}
    for name in ("on", "off"):
        found[name] = tmp_path / name
        found[name].mkdir()
        with closing(sqlite3.connect(found[name] / "shop.sqlite")) as database:
            database.executescript(SCHEMA)
    return found


@pytest.fixture
async def shop(folders: dict[str, Path]) -> AsyncGenerator[Site]:
    async with careless_site(folders["on"], off=False) as site:
        yield site


@pytest.fixture
async def naked(folders: dict[str, Path]) -> AsyncGenerator[Site]:
    async with careless_site(folders["off"], off=True) as site:
        yield site


UNION = "' UNION SELECT 1, note FROM orders -- "
NOTE = "' OR owner = 'bob"

#: Method, path and what is sent.
ATTACKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "free text": ("GET", "/products", {"params": {"q": UNION}}),
    "free text, unterminated comment": (
        "GET",
        "/products",
        {"params": {"q": "' UNION SELECT 1, note FROM orders /*"}},
    ),
    "a number": ("GET", "/orders/1 OR id = 2", {}),
    "JSON": ("POST", "/json", {"json": {"filter": {"note": NOTE}}}),
    "a form": ("POST", "/form", {"data": {"note": NOTE}}),
    "a multipart form": ("POST", "/form", {"files": {"note": (None, NOTE)}}),
    "a cookie": ("GET", "/cookie", {"headers": {"cookie": f"note={NOTE}", "host": "test.example"}}),
    "an escaped cookie": (
        "GET",
        "/cookie",
        {"headers": {"cookie": 'note="\\047 OR owner = \\047bob"', "host": "test.example"}},
    ),
    "a header": ("GET", "/header", {"headers": {"x-note": NOTE}}),
    "a thread without the request": ("GET", "/thread", {"params": {"note": NOTE}}),
    "a handler in a thread": ("GET", "/sync", {"params": {"note": NOTE}}),
}


@pytest.mark.parametrize(("method", "path", "sent"), ATTACKS.values(), ids=ATTACKS)
async def test_an_injection_by(
    shop: Site, naked: Site, method: str, path: str, sent: dict[str, Any]
) -> None:
    answer = await shop.client.request(method, path, **sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")
    assert CANARY not in answer.text
    assert CANARY in (await naked.client.request(method, path, **sent)).text


@pytest.mark.parametrize(
    "sort",
    ["secret", "(CASE WHEN (SELECT note FROM orders WHERE id = 2) LIKE 'c%' THEN id ELSE -id END)"],
)
async def test_an_order_that_tells_what_is_hidden(shop: Site, naked: Site, sort: str) -> None:
    """ATTACKS I01."""
    answer = await shop.client.get("/products", params={"sort": sort})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")
    assert len((await naked.client.get("/products", params={"sort": sort})).json()) == 3


DISGUISED = {
    "a lossy reading that explains": (
        "(((id%20)))(((0)))",
        "(((id%20)))<(((1))) limit(((select id from orders where id=(((3))))))>(((0)))",
    ),
    "the application's own literals": ("x%' ORDER BY id LIMIT 1 --", "name"),
    "its own literals in both": ("%' ORDER BY ", "name LIKE '%"),
    "the rest of it again": ("x", "id, secret"),
}


@pytest.mark.parametrize(("q", "sort"), DISGUISED.values(), ids=DISGUISED)
async def test_two_values_do_not_explain_each_other(shop: Site, q: str, sort: str) -> None:
    """A client that sent the second through the first read another one's note, bit by bit."""
    answer = await shop.get("/products", params={"q": q, "sort": sort})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")


async def test_an_attack_cannot_be_taught(shop: Site) -> None:
    """Half of it in one request, half in the next, then all: nothing is learned."""
    for q in ("' UNION SELECT 1, ", "note FROM orders", "SELECT", "orders", UNION, UNION):
        await shop.client.get("/products", params={"q": q})
        answer = await shop.client.get("/products", params={"q": UNION})
        assert answer.json()["code"] == "request.refused"


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [1, 2, 3]),
        ({"q": "mug"}, [1]),
        ({"q": "order by"}, [3]),
        ({"q": "select"}, []),
        ({"q": "or"}, [3]),
        ({"q": "name"}, []),
        ({"q": "ar", "sort": "name"}, [2]),
        ({"sort": "name"}, [2, 3, 1]),
        ({"sort": "id desc"}, [3, 2, 1]),
        ({"q": "id", "sort": "id"}, []),
    ],
)
async def test_ordinary_searches_work_with_and_without(
    shop: Site, naked: Site, params: dict[str, str], found: list[int]
) -> None:
    for site in (shop, naked):
        answer = await site.client.get("/products", params=params)
        assert [row[0] for row in answer.json()] == found


async def test_an_apostrophe_breaks_a_careless_statement_and_is_refused(shop: Site) -> None:
    answer = await shop.client.get("/products", params={"q": "o'brien"})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")


async def talk(site: Site, text: str, **headers: str) -> list[dict[str, Any]]:
    """One WebSocket conversation; what came back."""
    received: list[dict[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": text},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    named = {"host": "test.example", **headers}
    scope = {
        "type": "websocket",
        "path": "/socket",
        "raw_path": b"/socket",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("203.0.113.7", 1),
        "scheme": "ws",
        "http_version": "1.1",
        "subprotocols": [],
    }
    await site.guard(scope, receive, send)
    return sent


async def test_an_injection_by_a_websocket(shop: Site, naked: Site) -> None:
    assert CANARY not in str(await talk(shop, NOTE))
    assert CANARY in str(await talk(naked, NOTE))
    assert "mine" in str(await talk(shop, "mine"))


async def test_a_websocket_that_another_site_opened(shop: Site, naked: Site) -> None:
    foreign = {"origin": "https://evil.example", "cookie": "session=alice"}
    assert "mine" not in str(await talk(shop, "mine", **foreign))
    assert "mine" in str(await talk(naked, "mine", **foreign))
    own = {"origin": "http://test.example", "cookie": "session=alice"}
    assert "mine" in str(await talk(shop, "mine", **own))
