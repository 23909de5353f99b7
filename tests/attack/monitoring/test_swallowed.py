"""An attack that a control stopped is in the log, also where the application hides that it was.

``except Exception`` around a query is what hurried code does, and a task group wraps what it
raises: the refusal never reaches the pipeline.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from ringfence import FileRoot, allow, public
from ringfence.core.codes import Layer
from tests.attack.authz.guarded import guarded


async def search(q: str) -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f"SELECT 1 WHERE 'a' = '{q}'")
    finally:
        await engine.dispose()


@allow(public)
async def caught(q: str) -> str:
    try:
        await search(q)
    except Exception:  # noqa: BLE001  # as hurried code does
        return "nothing found"
    return "found"


@allow(public)
async def grouped(q: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(search(q))


@allow(public)
async def file(q: str) -> str:
    try:
        return FileRoot(Path("/tmp")).read(q).decode()  # noqa: S108  # nothing is read
    except Exception:  # noqa: BLE001  # as hurried code does
        return "nothing found"


async def logged(folder: Path, path: str, q: str, *off: Layer) -> list[dict[str, Any]]:
    """The events of one request."""
    app = FastAPI(openapi_url=None)
    for handler in (caught, grouped, file):
        app.add_api_route(f"/{handler.__name__}", handler)
    async with guarded(app, folder, off=off) as site:
        await site.get(path, params={"q": q})
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


@pytest.mark.parametrize(
    ("path", "q", "code"),
    [
        ("/caught", "' OR 1=1--", "sql.injected"),
        ("/grouped", "' OR 1=1--", "sql.injected"),
        ("/file", "../etc/passwd", "file.outside"),
    ],
)
async def test_what_was_refused_to_a_handler_is_written_once(
    tmp_path: Path, path: str, q: str, code: str
) -> None:
    """DESIGN section 4, step 8: one event for every refusal."""
    found = [event for event in await logged(tmp_path, path, q) if event["code"] == code]
    assert [event["facts"]["answered"] for event in found] == ["by the application"]
    assert "status" not in found[0]


@pytest.mark.parametrize("path", ["/caught", "/grouped"])
async def test_what_was_not_refused_is_not_written(tmp_path: Path, path: str) -> None:
    (tmp_path / "on").mkdir()
    (tmp_path / "off").mkdir()
    assert not await logged(tmp_path / "on", path, "mug")
    assert not await logged(tmp_path / "off", path, "' OR 1=1--", Layer.BOUNDARY)
