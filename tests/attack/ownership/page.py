"""``python3 -m tests.attack.ownership.page`` tries all paths and writes the table of the docs."""

import asyncio
from pathlib import Path as File
from tempfile import TemporaryDirectory

from sqlalchemy.ext.asyncio import create_async_engine

from tests.attack.ownership.outcomes import PAGE, outcomes, rows
from tests.attack.ownership.paths import Path
from tests.attack.ownership.world import World
from tests.contract.server import served

HEAD = "| path | SQLite | PostgreSQL |\n|---|---|---|\n"


async def tried(address: str) -> dict[Path, str]:
    engine = create_async_engine(address)
    try:
        return await outcomes(World(engine))
    finally:
        await engine.dispose()


def main() -> None:
    with TemporaryDirectory() as folder:
        found = {"sqlite": asyncio.run(tried(f"sqlite+aiosqlite:///{File(folder) / 'a.sqlite'}"))}
    with served() as server:
        address = server.owner_url.replace("postgresql://", "postgresql+asyncpg://")
        found["postgresql"] = asyncio.run(tried(address))
    before = PAGE.read_text().partition(HEAD)[0]
    PAGE.write_text(before + HEAD + "\n".join(rows(found)) + "\n")


if __name__ == "__main__":
    main()
