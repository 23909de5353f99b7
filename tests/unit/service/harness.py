"""The auth service behind the least that a pipeline has to do, so that its answers can be read.

The real pipeline stands in ``tests/attack``; here the service is looked at alone.
"""

import json
import secrets
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx2

from ringfence.authn import verifier
from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.keys import Keys
from ringfence.core.codes import Layer, public
from ringfence.core.errors import Refused
from ringfence.core.exchange import SCOPE_KEY, Exchange, Seams, current
from ringfence.core.policy import signed_in
from ringfence.core.route import RouteTable
from ringfence.core.settings import Environment, Settings
from ringfence.service.app import Service
from ringfence.service.wire import base64url
from ringfence.stack import protocols
from ringfence.stack.layers import GUARDED
from ringfence.storage import Stores, open_stores
from ringfence_demo.careless import careless
from tests.careless import parts, seams
from tests.unit.authn.flows import ALICE, NOON, Collector, Mailbox

ORIGIN = "https://shop.example"
CLIENT_KEY = b"c" * 32
COOKIE = "__Host-rf_refresh"


@dataclass
class House:
    """A service, its stores, its mailbox, and a clock that the test moves."""

    settings: Settings
    stores: Stores
    keys: Keys
    authn: protocols.Authn
    service: Service
    mailbox: Mailbox
    seams: Seams
    now: datetime = NOON
    sink: Collector = field(default_factory=Collector)
    exchanges: list[Exchange] = field(default_factory=list)

    def pass_time(self, time: timedelta) -> None:
        self.now += time

    async def add_account(self, identity: str = "alice", login: str = ALICE) -> None:
        """An account whose client key is ``CLIENT_KEY``."""
        pepper = max(self.keys.peppers)
        digest = verifier.digest(self.keys.peppers[pepper], CLIENT_KEY)
        kdf = str(verifier.ARGON2ID)
        await self.stores.accounts.create(
            Account(
                id=identity,
                login=login,
                login_verified_at=NOON,
                created_at=NOON,
                verifier=StoredVerifier(digest=digest, pepper=pepper, kdf=kdf),
            )
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """What the pipeline does for the service, and no more."""
        exchange = Exchange(
            scope,
            request_id=secrets.token_hex(12),
            now=self.now,
            sink=self.sink,
            seams=self.seams,
        )
        scope[SCOPE_KEY] = exchange
        self.exchanges.append(exchange)
        token = current.set(exchange)
        try:
            exchange.client = (scope.get("client") or ("", 0))[0]
            await self._serve(exchange, receive, send)
        except Refused as refused:
            await _answer(refused, send)
        finally:
            current.reset(token)

    async def _serve(self, exchange: Exchange, receive: Any, send: Any) -> None:
        table = RouteTable(self.service.handlers)
        scope = exchange.scope
        exchange.match = table.find("http", scope["method"], scope["path"])
        exchange.entry = entry = exchange.match.entry
        if entry is None:
            raise Refused("route.unknown")
        if (wait := self.authn.identify(exchange)) is not None:
            await wait
        if entry.policy == signed_in and exchange.principal is None:
            raise Refused("token.missing")
        await self.service.handlers[entry](scope, receive, send)


async def _answer(refused: Refused, send: Any) -> None:
    shown = public(refused.code)
    headers = [(b"content-type", b"application/problem+json")]
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(refused.retry_after.total_seconds()).encode()))
    body = json.dumps({"code": shown.name, "status": shown.status}).encode()
    await send({"type": "http.response.start", "status": shown.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Visitor:
    """A client at one address, with a browser's cookies."""

    def __init__(self, house: House, address: str = "192.0.2.1", **headers: str) -> None:
        transport = httpx2.ASGITransport(app=house, client=(address, 50000))
        self.http = httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        content = b"" if body is None else json.dumps(body).encode()
        return await self.http.post(path, content=content, headers=headers)

    async def sign_in(self, login: str = ALICE, key: bytes = CLIENT_KEY) -> str:
        """Sign in and return the access token; the cookie is in the jar."""
        body = {"login": login, "client_key": base64url(key)}
        response = await self.post("/auth/sign-in", body)
        assert response.status_code == 200, response.text
        return response.json()["access_token"]

    @property
    def cookie(self) -> str:
        return self.http.cookies[COOKIE]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@asynccontextmanager
async def opened(
    keys: Keys, *, off: Iterable[Layer] = (), mailer: Any = None, **settings: Any
) -> AsyncGenerator[House]:
    """A house with memory stores, one account, and mail that goes out at once."""
    mailbox = Mailbox()
    stores = open_stores("memory:")
    chosen = replace(Settings(environment=Environment.TEST, origin=ORIGIN), **settings)
    house: House

    factories = {**GUARDED, **careless(*off)}
    given = parts(chosen, stores=stores, keys=keys, mailer=mailer or mailbox)
    authn: protocols.Authn = factories[Layer.AUTHN](given)
    service = Service(
        settings=chosen,
        flows=authn.flows,
        keys=given.keys,
        outbox=stores.outbox,
        ping=stores.ping,
        clock=lambda: house.now,
        pause=lambda: 0.0,
    )
    house = House(chosen, stores, keys, authn, service, mailbox, seams(*off))
    await house.add_account()
    yield house
    await service.close()
