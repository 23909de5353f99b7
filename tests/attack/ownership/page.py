"""``python3 -m tests.attack.ownership.page`` tries all paths and writes the table of the docs."""

import asyncio
from pathlib import Path as File
from tempfile import TemporaryDirectory

from sqlalchemy.ext.asyncio import create_async_engine

from ringfence.core.exchange import NO_SEAMS, Seams
from ringfence.network.sqlite import freeze, thaw
from ringfence_demo.careless.authz import SEAMS
from tests.attack.ownership.outcomes import PAGE, outcomes, rows
from tests.attack.ownership.paths import Path
from tests.attack.ownership.world import World
from tests.contract.server import served

HEAD = "| path | SQLite | SQLite, `authz` off: the doors alone | PostgreSQL |\n|---|---|---|---|\n"


async def tried(address: str, seams: Seams = NO_SEAMS) -> dict[Path, str]:
    engine = create_async_engine(address)
    try:
        return await outcomes(World(engine), seams)
    finally:
        await engine.dispose()


def main() -> None:
    with TemporaryDirectory() as folder:
        address = f"sqlite+aiosqlite:///{File(folder) / 'a.sqlite'}"
        found = {"sqlite": asyncio.run(tried(address))}
        freeze()
        found["doors"] = asyncio.run(tried(address, SEAMS))
        thaw()
    with served() as server:
        address = server.owner_url.replace("postgresql://", "postgresql+asyncpg://")
        found["postgresql"] = asyncio.run(tried(address))
    before = PAGE.read_text().partition("| path |")[0]
    PAGE.write_text(before + HEAD + "\n".join(rows(found)) + "\n")


if __name__ == "__main__":
    main()
