"""The access paths, with the session's line and without it, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path as File

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from ringfence_demo.careless.authz import SEAMS
from tests.attack.ownership.outcomes import LEAK, PAGE, outcomes
from tests.attack.ownership.world import World
from tests.contract.server import Server, served


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as running:
        yield running


async def judged(address: str, column: int) -> None:
    engine = create_async_engine(address)
    world = World(engine)
    try:
        guarded = await outcomes(world)
        naked = await outcomes(world, SEAMS)
    finally:
        await engine.dispose()
    assert {path.name for path, got in naked.items() if got != LEAK} == set()
    # The exceptions, with their reason: SQL that SQLAlchemy does not make.
    assert {path for path, got in guarded.items() if got == LEAK} == {p for p in guarded if p.text}
    written = [line.split(" | ") for line in PAGE.read_text().splitlines()]
    shown = {cells[0][2:]: cells[column].removesuffix(" |") for cells in written if len(cells) > 2}
    assert {path.name: got for path, got in guarded.items()}.items() <= shown.items()


async def test_no_path_on_sqlite_leads_to_a_foreign_row(tmp_path: File) -> None:
    """Issue 10, 3: each path leaks without the line, and none with it."""
    await judged(f"sqlite+aiosqlite:///{tmp_path / 'shop.sqlite'}", 1)


@pytest.mark.postgres
async def test_no_path_on_postgresql_leads_to_a_foreign_row(server: Server) -> None:
    """As above."""
    await judged(server.owner_url.replace("postgresql://", "postgresql+asyncpg://"), 2)
