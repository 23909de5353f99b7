"""ATTACKS I01 and I02: SQL that only becomes SQL by what a careless handler does to its input.

Each attack is refused with the boundary layer on and reads another one's canary with it off.
"""

import json
import re
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ringfence import Owned, allow, owner, public
from ringfence.core.codes import Layer
from tests.attack.authz.guarded import Site, guarded
from tests.attack.boundary.test_sql import CANARY, SCHEMA, of_alice

CHANGES: Final[dict[str, Callable[[str], str]]] = {
    "dashes are spaces": lambda text: text.replace("-", " "),
    "underscores are spaces": lambda text: text.replace("_", " "),
    "slashes are spaces": lambda text: text.replace("/", " "),
    "plus signs are spaces": lambda text: text.replace("+", " "),
    "dots go": lambda text: text.replace(".", ""),
    "commas go": lambda text: text.replace(",", ""),
    "semicolons go": lambda text: text.replace(";", ""),
    "tags go": lambda text: re.sub("<[^>]*>", "", text),
    "a prefix goes": lambda text: text.removeprefix("u"),
    "decoded twice": lambda text: unquote(unquote(text)),
    "Base64": lambda text: b64decode(text).decode(),
    "Base64 of JSON": lambda text: json.loads(b64decode(text))["id"],
    "hexadecimal": lambda text: bytes.fromhex(text).decode(),
    "JSON": lambda text: json.loads(text)["id"],
    "escapes": lambda text: text.encode().decode("unicode_escape"),
}

#: In place of a number: how it is changed, and what was sent.
IN_A_NUMBER: Final = [
    ("dashes are spaces", "1-or-1"),
    ("underscores are spaces", "1_or_1"),
    ("slashes are spaces", "1/or/1"),
    ("plus signs are spaces", "1+or+1"),
    ("dots go", "1 .o.r. 1"),
    ("commas go", "1 ,o,r, 1"),
    ("semicolons go", "1 or; 1"),
    ("tags go", "1 <b>o<b>r 1"),
    ("a prefix goes", "u1 or 1"),
]
ATTACK: Final = "' or 1=1--"
ESCAPED: Final = "".join(f"\\u{ord(each):04x}" for each in ATTACK)
IN_A_STRING: Final = [
    ("tags go", "'<b> <b>o<b>r<b> <b>1<b>-<b>-"),
    ("dots go", "'.o.r. .1.=.1.-.-"),
    ("decoded twice", quote("".join(f"%{ord(each):02x}" for each in ATTACK))),
    ("Base64", b64encode(ATTACK.encode()).decode()),
    ("Base64 of JSON", b64encode(json.dumps({"id": ATTACK}).encode()).decode()),
    ("hexadecimal", ATTACK.encode().hex()),
    ("JSON", f' {{"id": "{ESCAPED}"}}'),
    ("JSON", f'{{\t"id": "{ESCAPED}"}}'),
    ("escapes", "".join(f"\\x{ord(each):02x}" for each in ATTACK)),
]


class Order:
    """What a policy loads."""


@dataclass(frozen=True)
class Loader:
    """Loads an ``Order`` with a statement that is text, so that the SQL guard has a look at it."""

    engine: AsyncEngine

    async def load(self, key: str) -> object:
        statement = sa.text("SELECT id FROM orders WHERE id = :id")
        async with self.engine.connect() as connection:
            return (await connection.execute(statement, {"id": key})).first()

    def owner(self, _order: object) -> str:
        return "alice"


class Careless:
    """Handlers that change what they are sent, and then join it onto a statement."""

    def __init__(self, file: Path) -> None:
        self.engine = create_async_engine(f"sqlite+aiosqlite:///{file}")

    async def rows(self, statement: str) -> list[list[Any]]:
        async with self.engine.connect() as connection:
            return [list(row) for row in await connection.exec_driver_sql(statement)]

    @allow(public)
    async def number(self, request: Request) -> list[list[Any]]:
        sent = await request.json()
        value = CHANGES[sent["how"]](sent["value"])
        return await self.rows(f"SELECT note FROM orders WHERE owner = 'alice' AND id = {value}")

    @allow(public)
    async def string(self, request: Request) -> list[list[Any]]:
        sent = await request.json()
        return await self.rows(of_alice(CHANGES[sent["how"]](sent["value"])))

    @allow(public)
    async def header(self, request: Request, name: str) -> list[list[Any]]:
        return await self.rows(of_alice(request.headers[name]))

    @allow(public)
    async def cookie(self, request: Request) -> list[list[Any]]:
        return await self.rows(of_alice(json.loads(unquote(request.cookies["seen"]))["id"]))

    @allow(owner(Order, by="number"))
    async def order(self, _order: Owned[Order], request: Request) -> list[list[Any]]:
        return await self.rows(of_alice((await request.json())["note"]))

    def app(self) -> FastAPI:
        made = FastAPI(openapi_url=None)
        made.add_api_route("/number", self.number, methods=["POST"])
        made.add_api_route("/string", self.string, methods=["POST"])
        made.add_api_route("/header", self.header)
        made.add_api_route("/cookie", self.cookie)
        made.add_api_route("/orders/{number}", self.order, methods=["PUT"])
        return made


@asynccontextmanager
async def careless_site(folder: Path, *, off: bool) -> AsyncGenerator[Site]:
    with closing(sqlite3.connect(folder / "shop.sqlite")) as database:
        database.executescript(SCHEMA)
    careless = Careless(folder / "shop.sqlite")
    layers = [Layer.BOUNDARY] if off else []
    loaders = {Order: Loader(careless.engine)}
    async with guarded(careless.app(), folder, off=layers, resources=loaders) as site:
        yield site
    await careless.engine.dispose()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncGenerator[Site]:
    (tmp_path / "on").mkdir()
    async with careless_site(tmp_path / "on", off=False) as site:
        yield site


@pytest.fixture
async def naked(tmp_path: Path) -> AsyncGenerator[Site]:
    (tmp_path / "off").mkdir()
    async with careless_site(tmp_path / "off", off=True) as site:
        yield site


async def refused_but_for_the_naked(
    shop: Site, naked: Site, method: str, path: str, **sent: Any
) -> None:
    answer = await shop.client.request(method, path, **sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")
    assert CANARY in (await naked.client.request(method, path, **sent)).text


@pytest.mark.parametrize(("how", "value"), IN_A_NUMBER)
async def test_an_injection_in_a_number_that_is_changed(
    shop: Site, naked: Site, how: str, value: str
) -> None:
    sent = {"how": how, "value": value}
    await refused_but_for_the_naked(shop, naked, "POST", "/number", json=sent)


@pytest.mark.parametrize(("how", "value"), IN_A_STRING)
async def test_an_injection_in_a_text_that_is_changed(
    shop: Site, naked: Site, how: str, value: str
) -> None:
    sent = {"how": how, "value": value}
    await refused_but_for_the_naked(shop, naked, "POST", "/string", json=sent)


@pytest.mark.parametrize(
    "name",
    ["tenant", "team-id", "hostname", "if-none-match", "range", "content-language", "origin", "te"],
)
async def test_an_injection_in_a_header_that_is_called_like_one_of_the_protocol(
    shop: Site, naked: Site, name: str
) -> None:
    """``tenant`` begins like ``TE``."""
    headers = {name: "' OR owner = 'bob"}
    await refused_but_for_the_naked(
        shop, naked, "GET", "/header", params={"name": name}, headers=headers
    )


async def test_an_injection_in_a_cookie_that_holds_json(shop: Site, naked: Site) -> None:
    headers = {"cookie": "seen=" + quote(f'{{"id": "{ESCAPED}"}}')}
    await refused_but_for_the_naked(shop, naked, "GET", "/cookie", headers=headers)


async def test_an_injection_in_a_body_that_comes_after_the_policy_asked_the_database(
    shop: Site, naked: Site
) -> None:
    """The inputs were gathered for the loader's statement, when there was no body yet."""
    body = {"note": "' OR owner = 'bob"}
    answer = await shop.client.put("/orders/1", json=body, headers=shop.bearer("alice"))
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")
    answer = await naked.client.put("/orders/1", json=body, headers=naked.bearer("alice"))
    assert CANARY in answer.text


@pytest.mark.parametrize(
    ("path", "how", "value"),
    [
        ("/string", "dashes are spaces", "red-mug"),
        ("/string", "tags go", "<b>mine</b>"),
        ("/string", "Base64", b64encode(b"mine").decode()),
        ("/string", "JSON", '{"id": "mine"}'),
        ("/number", "a prefix goes", "u1"),
        ("/number", "commas go", "1,000"),
        ("/number", "dashes are spaces", "-1"),
        ("/number", "hexadecimal", "31"),
    ],
)
async def test_what_is_no_attack_passes_with_and_without(
    shop: Site, naked: Site, path: str, how: str, value: str
) -> None:
    sent = {"how": how, "value": value}
    answers = [await site.client.post(path, json=sent) for site in (shop, naked)]
    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].json() == answers[1].json()
