"""Small applications behind a whole, running stack, spoken to by HTTP without a socket."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from ringfence import Ringfence, Settings
from ringfence.authn.accounts import Account
from ringfence.authn.tokens import AccessTokens
from ringfence.core.codes import Layer
from ringfence.core.settings import Environment
from ringfence.storage import Stores, open_stores
from ringfence.storage.keys import load_or_create
from ringfence.storage.memory import MemorySessions
from ringfence_demo.careless import careless

ORIGIN = "http://test.example"


class Site:
    """A guarded application and a client for it."""

    def __init__(self, guard: Ringfence, client: httpx2.AsyncClient, tokens: AccessTokens) -> None:
        self.guard = guard
        self.client = client
        self._tokens = tokens

    def bearer(self, subject: str, *roles: str, **changes: Any) -> dict[str, str]:
        """The header of a subject who has just signed in."""
        now = datetime.now(UTC)
        account = Account(
            id=subject,
            login=f"{subject}@example.com",
            login_verified_at=now,
            created_at=now,
            roles=frozenset(roles or {"user"}),
        )
        values: dict[str, Any] = {"aal": 1, "amr": ("pwd",), "authenticated_at": now} | changes
        token = self._tokens.issue(account, "s-" + subject, now, **values)
        return {"authorization": f"Bearer {token}"}

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.client.get(path, **options)


class Anybody(MemorySessions):
    """Every token of the tests' own issuer is of a session that is there."""

    async def standing(self, session_id: str, account_id: str) -> tuple[int, int] | None:
        return 0, 0


@asynccontextmanager
async def guarded(
    app: Any,
    folder: Path,
    *,
    off: Iterable[Layer | str] = (),
    stores: Stores | None = None,
    settings: Settings | None = None,
    **options: Any,
) -> AsyncGenerator[Site]:
    """``app`` behind Ringfence, started; in the place of ``off`` stand careless layers."""
    settings = settings or Settings(
        environment=Environment.TEST,
        origin=ORIGIN,
        database="memory:",
        keys=folder / "keys",
        mail=f"file:{folder / 'mail'}",
        log=str(folder / "log"),
    )
    stores = stores or open_stores("memory:")
    sessions: Any = stores.sessions
    guard = Ringfence(
        app,
        settings=settings,
        layers=careless(*off),
        stores=replace(stores, sessions=Anybody(sessions._tables)),
        **options,
    )
    await guard.start()
    transport = httpx2.ASGITransport(guard, raise_app_exceptions=False, client=("203.0.113.7", 1))
    tokens = AccessTokens(load_or_create(settings.keys), settings)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield Site(guard, client, tokens)
    finally:
        await guard.close()
