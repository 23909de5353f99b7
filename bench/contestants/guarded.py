"""The route behind all layers of Ringfence."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI

from bench.contest import Case, Contestant, Request
from bench.known import open_known
from bench.shop import OWNED, Order, Orders, PlainOrder
from ringfence import Database, Owned, Resource, Ringfence, Settings, allow, limit, owner
from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.opaque import new_id
from ringfence.authn.tokens import AccessTokens
from ringfence.authz.resources import ResourceLoader
from ringfence.core.settings import Environment
from ringfence.storage.keys import load_or_create


@dataclass(frozen=True, slots=True)
class PlainLoader:
    """How ``owner(PlainOrder)`` finds its order."""

    orders: Orders

    async def load(self, key: str) -> PlainOrder | None:
        """By ``sqlite3``."""
        return self.orders.fetch(int(key)) if key.isdecimal() else None

    def owner(self, value: object) -> str | None:
        """Whose order it is."""
        return value.user_id if isinstance(value, PlainOrder) else None


def build(case: Case) -> Contestant:
    """``GET /orders/{id}`` by one account; every connection sends the same token."""
    settings = settings_of(case)
    keys = load_or_create(settings.keys)
    now = datetime.now(UTC)
    account = person("somebody@example.com", now)
    orders = Orders(case.folder, account.id)
    app = FastAPI(openapi_url=None)
    databases: list[Database] = []
    resources: dict[type, ResourceLoader] = {}

    if case.query == "sqlalchemy":
        databases.append(Database(orders.engine, [Resource(Order, owner=Order.user_id)]))

        @app.get("/orders/{order_id}")
        @allow(owner(Order))
        async def read_order(order: Owned[Order]) -> dict[str, Any]:
            return order.shown()
    else:
        resources[PlainOrder] = PlainLoader(orders)

        @app.get("/orders/{order_id}")
        @allow(owner(PlainOrder))
        async def read_plain_order(order: Owned[PlainOrder]) -> dict[str, Any]:
            return order.shown()

    token = AccessTokens(keys, settings).issue(
        account, "a-session", now, aal=1, amr=("pwd",), authenticated_at=now
    )
    request = Request(
        method="GET", path=f"/orders/{OWNED}", headers={"Authorization": f"Bearer {token}"}
    )
    guarded = Ringfence(
        app,
        settings=settings,
        database=databases,
        resources=resources,
        stores=open_known(settings),
    )
    return Contestant(app=guarded, requests=(request,) * case.people)


def settings_of(case: Case) -> Settings:
    """As a small installation has them: everything in files beside each other."""
    return Settings(
        environment=Environment.TEST,  # mail goes to a folder
        origin=case.origin,
        database=f"sqlite:///{case.folder}/ringfence.sqlite",
        keys=case.folder / "keys",
        mail=f"file:{case.folder}/mail",
        log=f"{case.folder}/log",
        log_level="INFO",  # as in production
        address_limit=limit("1000000/s"),  # one address asks for everybody
        account_limit=limit("1000000/s", by="account"),
    )


def person(login: str, now: datetime, stored: StoredVerifier | None = None) -> Account:
    """An account."""
    return Account(
        id=new_id(secrets.token_bytes),
        login=login,
        login_verified_at=now,
        created_at=now,
        verifier=stored,
    )
