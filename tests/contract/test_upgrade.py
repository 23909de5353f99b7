"""A database of the first revision is brought up to date while it is used."""

import asyncio

import pytest

from ringfence.storage.migrate import migrate
from ringfence.storage.migrations import HEAD
from ringfence.storage.postgres.database import connect
from tests.contract.server import Server
from tests.contract.stores import NOW, SECOND, account, opened, session, token
from tests.contract.test_schema import TO_THE_FIRST_REVISION, to_the_first_revision


async def under_load(url: str, owner_url: str, prepare: object) -> None:
    """Sign in and renew without a pause while the migrations run; nothing that was done is lost."""
    async with opened(url) as stores:
        await stores.accounts.create(account())
        assert callable(prepare)
        await asyncio.to_thread(prepare)
        begun: list[str] = []
        done = asyncio.Event()

        async def load(worker: int) -> None:
            number = 0
            while not done.is_set() or number < 3:
                name = f"{worker}-{number}"
                at = NOW + number * SECOND  # beyond 100 sessions the oldest end
                first = token(f"{name}-t0", name, at)
                assert await stores.sessions.begin(session(name, at=at), first, 0) is not None
                successor = token(f"{name}-t1", name, at)
                assert await stores.sessions.succeed(first, successor, b"sealed")
                begun.append(name)
                number += 1

        async def upgrade() -> None:
            try:
                await asyncio.to_thread(migrate, owner_url)
            finally:
                done.set()

        await asyncio.gather(upgrade(), *map(load, range(4)))
        alive = {each.id for each in await stores.sessions.of_account("id-alice")}
        assert alive <= set(begun)
        assert alive
    async with opened(url) as stores:  # what a new process finds
        assert await stores.sessions.begin(session("after"), token("after", "after"), 0) is not None
        assert (await stores.outbox.backlog()).count == 0
        assert await stores.accounts.find("id-alice") == account()
        await stores.purge(NOW)


async def test_sqlite_is_upgraded_under_load(sqlite: str) -> None:
    await under_load(sqlite, sqlite, lambda: to_the_first_revision(sqlite))


@pytest.mark.postgres
async def test_postgresql_is_upgraded_under_load(postgres: Server) -> None:
    def prepare() -> None:
        postgres.execute("SET search_path = ringfence", *TO_THE_FIRST_REVISION)

    await under_load(postgres.app_url, postgres.owner_url, prepare)
    owner = await connect(postgres.owner_url)
    try:
        assert await owner.fetchval("SELECT version_num FROM alembic_version") == HEAD
    finally:
        await owner.close()
