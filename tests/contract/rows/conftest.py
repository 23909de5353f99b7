"""A database of its own with the rows of several people, guarded as the docs say."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ringfence.core.secret import Secret
from ringfence.storage.application.postgres.apply import apply
from ringfence.storage.application.postgres.identity import Identity
from ringfence.storage.application.postgres.render import Roles, Script, for_administrators
from tests.contract.rows.models import COMMON, DECLARED, ROWS, Base
from tests.contract.server import PASSWORD, Server

KEY = Secret(bytes(range(32)))
ROLES = Roles(owner="shop owner", application="shop_app")
SCRIPT = Script.of(DECLARED, COMMON, roles=ROLES)


@dataclass
class Guarded:
    """The addresses of a guarded database."""

    server: Server
    name: str
    asks: str | None = None
    engines: list[AsyncEngine] = field(default_factory=list[AsyncEngine])

    @property
    def superuser(self) -> str:
        return make_url(self.server.owner_url).username or ""

    def url(self, role: str) -> str:
        """As whom to connect, for SQLAlchemy."""
        parts = make_url(self.server.owner_url)
        url = parts.set(
            drivername="postgresql+asyncpg", database=self.name, username=role, password=PASSWORD
        )
        return url.render_as_string(hide_password=False)

    def engine(self, role: str = ROLES.application) -> AsyncEngine:
        engine = create_async_engine(self.url(role), poolclass=NullPool)
        self.engines.append(engine)
        return engine

    def as_somebody(self) -> AsyncEngine:
        """The application's engine; ``asks`` says who asks."""
        engine = self.engine()
        Identity(engine.sync_engine, subject=lambda: self.asks).key = KEY
        return engine


@pytest.fixture(scope="module")
def guarded_database(postgres_server: Server) -> Iterator[Guarded]:
    """Made once for a module; tests roll back what they do."""
    name = "guarded_rows"
    made = Guarded(postgres_server, name)
    postgres_server.execute(f"CREATE DATABASE {name}")
    superuser = _superuser(postgres_server, name)
    try:
        postgres_server.execute(*for_administrators(ROLES), url=superuser)
        roles = (f'ALTER ROLE "{each}" PASSWORD' for each in (ROLES.owner, ROLES.application))
        handed_over = f'ALTER DATABASE {name} OWNER TO "{ROLES.owner}"'
        passwords = (f"{alter} '{PASSWORD}'" for alter in roles)
        postgres_server.execute(*passwords, handed_over, url=superuser)
        asyncio.run(_fill(made))
        yield made
    finally:
        postgres_server.execute(
            f"DROP DATABASE {name} WITH (FORCE)",
            *(f'DROP ROLE IF EXISTS "{role}"' for role in (ROLES.application, ROLES.everybody)),
            f'DROP ROLE IF EXISTS "{ROLES.owner}"',
        )


@pytest.fixture
async def guarded(guarded_database: Guarded) -> AsyncIterator[Guarded]:
    yield guarded_database
    guarded_database.asks = None
    while guarded_database.engines:
        await guarded_database.engines.pop().dispose()


@pytest.fixture
async def connection(guarded: Guarded) -> AsyncIterator[AsyncConnection]:
    """The application's connection; it begins a transaction at its first statement."""
    async with guarded.as_somebody().connect() as connection:
        yield connection


async def _fill(made: Guarded) -> None:
    owner = made.engine(ROLES.owner)
    async with owner.begin() as connection:
        await connection.run_sync(_tables)
    await apply(owner, SCRIPT, KEY)
    await apply(owner, SCRIPT, KEY)  # again: nothing is in its way
    async with owner.begin() as connection:
        for rows in ROWS:
            await connection.exec_driver_sql(rows)
    await owner.dispose()


def _tables(connection: Connection) -> None:
    Base.metadata.create_all(connection)


def _superuser(server: Server, name: str) -> str:
    return urlunsplit(urlsplit(server.owner_url)._replace(path=f"/{name}"))
