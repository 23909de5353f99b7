"""The whole stack around an empty application, with time, mail and stores of the test's own."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette

from ringfence.authn import verifier
from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.keys import Keys
from ringfence.core.codes import Layer
from ringfence.core.settings import Environment, Settings
from ringfence.service.wire import base64url
from ringfence.stack import Ringfence
from ringfence.storage import Stores, open_stores
from ringfence.storage.keys import load_or_create
from ringfence_demo.careless import careless

ORIGIN = "https://shop.example"
COOKIE = "__Host-rf_refresh"
ALICE = "alice@example.com"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RIGHT, WRONG = b"c" * 32, bytes(32)
PROXY = "10.0.0.1"  # the declared proxy: it alone may say where a request comes from


class Mailbox:
    """Takes mails and keeps them."""

    def __init__(self) -> None:
        self.mails: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()

    async def send(self, to: str, subject: str, text: str) -> None:
        self.mails.put_nowait((to, subject, text))

    async def text(self) -> str:
        """The text of the next mail."""
        return (await self.mails.get())[2]


@dataclass
class Guarded:
    """A running stack."""

    app: Ringfence
    stores: Stores
    keys: Keys
    mailbox: Mailbox
    log: Path
    times: list[datetime] = field(default_factory=lambda: [NOON])

    def pass_time(self, time: timedelta) -> None:
        self.times[0] += time

    async def add_account(self, identity: str, login: str) -> None:
        """An account whose client key is ``RIGHT``."""
        pepper = max(self.keys.peppers)
        digest = verifier.digest(self.keys.peppers[pepper], RIGHT)
        stored = StoredVerifier(digest=digest, pepper=pepper, kdf=str(verifier.ARGON2ID))
        account = Account(
            id=identity, login=login, login_verified_at=NOON, created_at=NOON, verifier=stored
        )
        await self.stores.accounts.create(account)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


class Client:
    """An HTTP client at one address, with a jar of cookies and a browser's manners."""

    def __init__(self, guarded: Guarded, address: str = "192.0.2.1") -> None:
        transport = httpx2.ASGITransport(app=guarded.app, client=(address, 50000))
        headers = {"sec-fetch-site": "same-origin"}
        self.http = httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        if body is None:
            return await self.http.post(path, headers=headers)
        headers["content-type"] = "application/json"
        return await self.http.post(path, content=json.dumps(body).encode(), headers=headers)

    async def try_to_sign_in(
        self,
        key: bytes = WRONG,
        login: str = ALICE,
        path: str = "/auth/sign-in",
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        body = {"login": login, "client_key": base64url(key)}
        return await self.post(path, body, **(headers or {}))

    async def sign_in(self, login: str = ALICE) -> str:
        response = await self.try_to_sign_in(RIGHT, login)
        assert response.status_code == 200, response.text
        return response.json()["access_token"]


@asynccontextmanager
async def guarded(
    tmp_path: Path, off: Iterable[Layer] = (), **changes: Any
) -> AsyncGenerator[Guarded]:
    """Start a stack; Alice has an account."""
    settings = Settings(
        environment=Environment.TEST,
        origin=ORIGIN,
        keys=tmp_path / "keys",
        log=str(tmp_path / "log"),
        trusted_proxies=(ip_network(PROXY),),
        **changes,
    )
    stores, mailbox = open_stores("memory:"), Mailbox()
    times = [NOON]
    app = Ringfence(
        Starlette(),
        settings=settings,
        stores=stores,
        mailer=mailbox,
        clock=lambda: times[0],
        layers=careless(*off),
    )
    await app.start()
    keys = load_or_create(settings.keys)
    house = Guarded(app, stores, keys, mailbox, tmp_path / "log", times)
    await house.add_account("alice", ALICE)
    try:
        yield house
    finally:
        await app.close()
