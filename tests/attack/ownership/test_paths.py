"""The access paths, with the session's line and without it, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path as File

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from ringfence.core.exchange import NO_SEAMS, Seams
from ringfence.network import sqlite
from ringfence_demo.careless.authz import SEAMS
from tests.attack.ownership.outcomes import LEAK, PAGE, outcomes
from tests.attack.ownership.paths import Path
from tests.attack.ownership.world import World
from tests.contract.server import Server, served


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


async def tried(address: str, seams: Seams = NO_SEAMS) -> dict[Path, str]:
    engine = create_async_engine(address)
    try:
        return await outcomes(World(engine), seams)
    finally:
        await engine.dispose()


def written(column: int) -> dict[str, str]:
    """A column of the table in the docs, by path."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines()]
    return {cells[0]: cells[column] for cells in lines if len(cells) > column}


def named(found: dict[Path, str]) -> dict[str, str]:
    return {path.name: got for path, got in found.items()}


async def judged(address: str, column: int) -> None:
    guarded, naked = await tried(address), await tried(address, SEAMS)
    assert {path.name for path, got in naked.items() if got != LEAK} == set()
    # The exceptions, with their reason: SQL that SQLAlchemy does not make.
    assert {path for path, got in guarded.items() if got == LEAK} == {p for p in guarded if p.text}
    assert named(guarded).items() <= written(column).items()


async def test_no_path_on_sqlite_leads_to_a_foreign_row(tmp_path: File) -> None:
    """Issue 10, 3: each path leaks without the line, and none with it."""
    await judged(f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite'}", 1)


async def test_no_path_on_sqlite_reads_a_foreign_row_with_the_doors_alone(tmp_path: File) -> None:
    """Issue 10, 5: reads are promised, and SQL text writes nothing."""
    sqlite.freeze()
    try:
        found = await tried(f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite'}", SEAMS)
    finally:
        sqlite.thaw()
    assert {path.name for path, got in found.items() if got == LEAK and not path.writes} == set()
    assert {path.name for path, got in found.items() if got == LEAK and path.text} == set()
    assert named(found).items() <= written(2).items()


@pytest.mark.postgres
async def test_no_path_on_postgresql_leads_to_a_foreign_row(server: Server) -> None:
    """As above."""
    await judged(server.owner_url.replace("postgresql://", "postgresql+asyncpg://"), 3)
