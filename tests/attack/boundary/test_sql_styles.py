"""Correct SQL in about a hundred styles works under the guard as it does without it: on SQLite."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from tests.attack.authz.guarded import Site
from tests.attack.boundary.styles.sites import cases, same, sites
from tests.attack.boundary.styles.tables import SCHEMA


@pytest.fixture(scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[tuple[Site, Site]]:
    folder = tmp_path_factory.mktemp("styles")
    with closing(sqlite3.connect(folder / "shop.sqlite")) as database:
        for statement in SCHEMA:
            database.execute(statement)
        database.commit()
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'shop.sqlite'}")
    async with sites(engine, folder) as made:
        yield made


@pytest.mark.parametrize(("name", "query"), cases("sqlite"))
async def test_a_style(both: tuple[Site, Site], name: str, query: str) -> None:
    await same(both, name, query)
