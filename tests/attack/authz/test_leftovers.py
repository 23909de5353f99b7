"""What lies in a public folder by accident is not served (ATTACKS H10; ASVS 13.4.1)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from ringfence import allow, public
from tests.attack.authz.guarded import Site, guarded

SECRET = "canary-leftover"
LEFTOVERS = (".env", ".git/HEAD", ".DS_Store", "dump.sql", "page.css.bak", "page.css~")
POLICIES = {"/static": public, "/deep": public}
REASON = "the readers of this wiki name its files"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "static"
    for name in LEFTOVERS:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(SECRET)
    (made / "page.css").write_text("honest")
    (made / "inside.css").symlink_to("page.css")
    (tmp_path / "secret.txt").write_text(SECRET)
    (made / "way-out.txt").symlink_to(tmp_path / "secret.txt")
    return made


def app(folder: Path) -> FastAPI:
    made = FastAPI(openapi_url=None)
    static = StaticFiles(directory=folder, follow_symlink=True)
    made.mount("/static", static)
    made.mount("/deep", Starlette(routes=[Mount("/er", static)]))

    @made.get("/files/{name:path}")
    @made.get("/@{name:path}")
    @allow(public)
    async def file(name: str) -> FileResponse:
        return FileResponse(folder / name)

    return made


def paths() -> Iterator[str]:
    for place in ("/static/", "/deep/er/", "/files/", "/@"):
        yield from (f"{place}{name}" for name in LEFTOVERS)
    yield from ("/static/way-out.txt", "/deep/er/way-out.txt")


async def shows_the_secret(site: Site, path: str) -> bool:
    answer = await site.get(path)
    assert answer.status_code in {200, 404}, path
    return SECRET in answer.text


async def test_leftovers_and_links_that_leave_are_answered_as_missing(
    folder: Path, tmp_path: Path
) -> None:
    async with guarded(app(folder), tmp_path, policies=POLICIES) as site:
        for path in paths():
            assert not await shows_the_secret(site, path), path
        for honest in ("/static/page.css", "/static/inside.css", "/files/page.css", "/@page.css"):
            assert (await site.get(honest)).text == "honest"
        there, missing = [await site.get(f"/static/{name}") for name in (".env", ".envy")]
        assert there.content.replace(
            there.headers["x-request-id"].encode(), b""
        ) == missing.content.replace(missing.headers["x-request-id"].encode(), b"")


async def test_without_the_layer_each_of_them_is_served(folder: Path, tmp_path: Path) -> None:
    async with guarded(app(folder), tmp_path, off=["authz"], policies=POLICIES) as site:
        for path in paths():
            assert await shows_the_secret(site, path), path


async def test_a_folder_that_is_declared_whole_is_served_whole(
    folder: Path, tmp_path: Path
) -> None:
    options: Any = {"policies": POLICIES, "whole_folders": {"/static": REASON}}
    made = FastAPI(openapi_url=None)
    made.mount("/static", StaticFiles(directory=folder, follow_symlink=True))
    made.mount("/deep", StaticFiles(directory=folder, follow_symlink=True))
    async with guarded(made, tmp_path, **options) as site:
        for name in (*LEFTOVERS, "way-out.txt"):
            assert await shows_the_secret(site, f"/static/{name}")
            assert not await shows_the_secret(site, f"/deep/{name}")


async def test_the_folder_is_as_it_was_after_the_end(folder: Path, tmp_path: Path) -> None:
    static = StaticFiles(directory=folder, follow_symlink=True)
    made = FastAPI(openapi_url=None)
    made.mount("/static", static)
    async with guarded(made, tmp_path, policies={"/static": public}):
        assert not static.follow_symlink
    assert static.follow_symlink
