"""Correct SQL in about a hundred styles works under the guard as it does without it: PostgreSQL."""

from collections.abc import AsyncGenerator, Iterator

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from tests.attack.authz.guarded import Site
from tests.attack.boundary.styles.sites import cases, same, sites
from tests.attack.boundary.styles.tables import SCHEMA
from tests.contract.server import Server, served

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


@pytest.fixture(scope="module")
async def both(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[tuple[Site, Site]]:
    url = server.owner_url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url)
    async with engine.begin() as made:
        for statement in SCHEMA:
            await made.exec_driver_sql(statement)
    async with sites(engine, tmp_path_factory.mktemp("styles")) as pair:
        yield pair


@pytest.mark.parametrize(("name", "query"), cases("postgresql"))
async def test_a_style(both: tuple[Site, Site], name: str, query: str) -> None:
    await same(both, name, query)
