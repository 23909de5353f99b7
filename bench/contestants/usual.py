"""The usual stack, put together as its documentations say: fastapi-users with JWT, slowapi, secure.

It knows no ownership: the handler asks for itself, as handlers do.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, HTTPException
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users.password import PasswordHelper
from secure import Secure
from secure.middleware import SecureASGIMiddleware
from slowapi import Limiter
from slowapi.middleware import SlowAPIMiddleware
from slowapi.util import get_remote_address
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from bench.contest import Case, Contestant, Request
from bench.shop import OWNED, Base, Order, Orders

PASSWORD: Final = "violet kettle orbits quietly"  # noqa: S105  # in no real place
SECRET: Final = "a secret of 32 bytes and a little"  # noqa: S105  # as above
_NEVER_REACHED: Final = "1000000/second"


class User(SQLAlchemyBaseUserTableUUID, Base):
    """An account of fastapi-users."""


class UserManager(UUIDIDMixin, BaseUserManager[User, UUID]):
    """As the documentation has it."""

    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


def build(case: Case) -> Contestant:
    """``GET /orders/{id}`` by one account; every connection sends the same token."""
    app, users = assemble(case, SlowAPIMiddleware)
    return Contestant(app=app, requests=(reading(users[0]),) * case.people)


def assemble(case: Case, limiter: type) -> tuple[FastAPI, list[User]]:
    """The application, and its accounts; the first owns the orders."""
    orders = Orders(case.folder, str(owner := uuid4()))
    users = _accounts(case, owner)

    async def user_database(
        session: Annotated[AsyncSession, Depends(orders.session)],
    ) -> AsyncIterator[SQLAlchemyUserDatabase[User, UUID]]:
        yield SQLAlchemyUserDatabase(session, User)

    async def user_manager(
        database: Annotated[SQLAlchemyUserDatabase[User, UUID], Depends(user_database)],
    ) -> AsyncIterator[UserManager]:
        yield UserManager(database)

    backend = AuthenticationBackend(
        name="jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=_strategy
    )
    fastapi_users = FastAPIUsers[User, UUID](user_manager, [backend])
    active_user = fastapi_users.current_user(active=True)

    app = FastAPI(openapi_url=None)
    app.state.limiter = Limiter(key_func=get_remote_address, default_limits=[_NEVER_REACHED])
    app.add_middleware(limiter)
    app.add_middleware(SecureASGIMiddleware, secure=Secure.with_default_headers())
    app.include_router(fastapi_users.get_auth_router(backend), prefix="/auth/jwt")

    if case.query == "sqlalchemy":

        @app.get("/orders/{order_id}")
        async def read_order(
            order_id: int,
            session: Annotated[AsyncSession, Depends(orders.session)],
            user: Annotated[User, Depends(active_user)],
        ) -> dict[str, Any]:
            order = await session.get(Order, order_id)
            if order is None or order.user_id != str(user.id):
                raise HTTPException(404)
            return order.shown()
    else:

        @app.get("/orders/{order_id}")
        async def read_plain_order(
            order_id: int, user: Annotated[User, Depends(active_user)]
        ) -> dict[str, Any]:
            order = orders.fetch(order_id)
            if order is None or order.user_id != str(user.id):
                raise HTTPException(404)
            return order.shown()

    return app, users


def reading(user: User) -> Request:
    """A request for an order of this account, with its token."""
    token = asyncio.run(_strategy().write_token(user))
    headers = {"Authorization": f"Bearer {token}"}
    return Request(method="GET", path=f"/orders/{OWNED}", headers=headers)


def signing_in(user: User) -> Request:
    """A sign-in of this account with its password."""
    return Request(
        method="POST",
        path="/auth/jwt/login",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode({"username": user.email, "password": PASSWORD}),
    )


def _strategy() -> JWTStrategy[User, UUID]:
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


def _accounts(case: Case, first: UUID) -> list[User]:
    hashed = PasswordHelper().hash(PASSWORD)
    ids = [first, *(uuid4() for _ in range(case.people - 1))]
    users = [
        User(id=each, email=f"person{number}@example.com", hashed_password=hashed)
        for number, each in enumerate(ids)
    ]
    engine = create_engine(f"sqlite:///{case.folder}/shop.sqlite")
    with Session(engine, expire_on_commit=False) as session:
        session.add_all(users)
        session.commit()
    engine.dispose()
    return users
