"""What somebody gets by each access path, judged by what is seen and by what is left."""

from collections.abc import Mapping
from pathlib import Path as File

from sqlalchemy.exc import SQLAlchemyError

from ringfence.core.errors import Refused
from ringfence.core.exchange import NO_SEAMS, Seams
from tests.attack.ownership.paths import Path, on
from tests.attack.ownership.world import SECRET, World, request

PAGE = File(__file__).parents[3] / "docs/access-paths.md"
LEAK, OWN, NOTHING = "**leak**", "own rows", "touches nothing"


async def outcome(world: World, path: Path, seams: Seams) -> str:
    """What Alice gets by a path: ``own rows``, ``touches nothing``, a code, or a leak."""
    before = await world.state()
    seen, code = "", ""
    async with request("alice", seams):
        try:
            seen = repr(await world.database.session().run_sync(path.run))
        except Refused as refused:
            code = refused.code.name
        except SQLAlchemyError as error:
            code = type(error).__name__
        await world.database.session().rollback()
    after = await world.state()
    if SECRET in seen or _foreign(after) != _foreign(before) or SECRET in repr(_own(after)):
        return LEAK
    if code:
        return code
    return OWN if seen != "None" else NOTHING


def _foreign(state: dict[str, list[tuple[object, ...]]]) -> list[object]:
    """Bob's rows and what hangs on them."""
    orders = {row[0] for row in state["orders"] if row[1] != "alice"}
    hung = [row for name in ("lines", "remarks") for row in state[name] if row[1] in orders]
    tied = [row for name in ("gifts", "order_labels") for row in state[name] if row[0] in orders]
    return [*(row for row in state["orders"] if row[1] != "alice"), *hung, *tied]


def _own(state: dict[str, list[tuple[object, ...]]]) -> list[object]:
    foreign = _foreign(state)
    return [row for rows in state.values() for row in rows if row not in foreign]


async def outcomes(world: World, seams: Seams = NO_SEAMS) -> dict[Path, str]:
    """Every path of the database, each on the same rows."""
    await world.fill()
    first = await world.state()
    found: dict[Path, str] = {}
    for path in on(world.database.engine.dialect.name):
        found[path] = await outcome(world, path, seams)
        if await world.state() != first:
            await world.fill()
    return found


def rows(found: Mapping[str, Mapping[Path, str]]) -> list[str]:
    """The table of the page, one row for each path, one column for each of ``found``."""
    paths = dict.fromkeys(path for each in found.values() for path in each)
    return [
        f"| {path.name} | {' | '.join(each.get(path, '–') for each in found.values())} |"
        for path in paths
    ]
