"""Sub-applications are served under their own policies, at any depth, and nothing beside them."""

import functools
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from ringfence import allow, public, role
from ringfence.authz.frameworks.nested import Nested
from ringfence.core.errors import RoutesSealed
from tests.attack.authz.guarded import guarded


def says(text: str, policy: Any = public) -> Any:
    async def handler(request: Any = None) -> PlainTextResponse:
        return PlainTextResponse(text)

    return allow(policy)(handler)


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("RAW RAN")(scope, receive, send)


def tree() -> FastAPI:
    """Every way to hang one application into another."""
    sub = FastAPI(openapi_url=None)
    sub.get("/open")(says("sub"))
    sub.get("/admin")(says("admin", role("admin")))
    sub.mount("/deep", Starlette(routes=[Mount("/er", Router(routes=[Route("/x", says("er"))]))]))
    inner = APIRouter()
    inner.mount("/sub", Starlette(routes=[Route("/x", says("included"))]))
    inner.add_route("/partial", functools.partial(says("partial")))
    app = FastAPI(openapi_url=None)
    app.mount("/sub", sub)
    app.include_router(inner, prefix="/in")
    zipped = [Middleware(GZipMiddleware)]
    app.router.routes.append(Mount("/zip", routes=[Route("/x", says("z"))], middleware=zipped))
    return app


PAGES = {
    "/sub/open": "sub",
    "/sub/deep/er/x": "er",
    "/in/partial": "partial",
    "/zip/x": "z",
}
if Nested.fits(APIRouter()):  # where routes are copied, FastAPI leaves out a router's mounts
    PAGES["/in/sub/x"] = "included"


@pytest.mark.parametrize("path", PAGES)
async def test_a_sub_application_is_served(path: str, tmp_path: Path) -> None:
    async with guarded(tree(), tmp_path) as site:
        answer = await site.get(path)
        assert (answer.status_code, answer.text) == (200, PAGES[path])


async def test_its_own_policies_are_asked(tmp_path: Path) -> None:
    async with guarded(tree(), tmp_path) as site:
        assert (await site.get("/sub/admin")).status_code == 401
        assert (await site.get("/sub/admin", headers=site.bearer("eve"))).status_code == 404
        ada = site.bearer("ada", "admin")
        assert (await site.get("/sub/admin", headers=ada)).text == "admin"
        assert (await site.get("/sub/nothing")).status_code == 404


async def test_with_authz_off_they_are_not(tmp_path: Path) -> None:
    async with guarded(tree(), tmp_path, off=["authz"]) as site:
        assert (await site.get("/sub/admin")).text == "admin"


@pytest.mark.parametrize("path", sorted(PAGES.keys() - {"/in/partial", "/zip/x"}))
async def test_another_mount_of_the_same_prefix_takes_nothing_over(
    path: str, tmp_path: Path
) -> None:
    """What was decided for a page of one mount lets no other mount answer."""
    app = tree()
    async with guarded(app, tmp_path) as site:
        before = await site.get(path)
        with pytest.raises(RoutesSealed):
            app.router.routes.insert(0, Mount(path.rpartition("/")[0], raw))
        assert (await site.get(path)).text == before.text != "RAW RAN"


class Elsewhere:
    """A middleware of the application's that sends every request to another path."""

    def __init__(self, app: Any, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": self.path, "raw_path": self.path.encode()}
        await self.app(scope, receive, send)


def rewritten(path: str) -> FastAPI:
    app = tree()
    app.mount("/files", raw)
    app.add_middleware(Elsewhere, path=path)
    return app


ELSEWHERE = {"/files/x": "RAW RAN", "/sub/admin": "admin"}
FILES: dict[str, Any] = {"/files": role("admin")}


@pytest.mark.parametrize("path", ELSEWHERE)
async def test_what_was_decided_for_one_path_runs_nothing_at_another(
    path: str, tmp_path: Path
) -> None:
    """The check at the handlers, alone: the table was asked about ``/sub/open``."""
    async with guarded(rewritten(path), tmp_path, policies=FILES) as site:
        answer = await site.get("/sub/open")
        assert (answer.status_code, answer.text != ELSEWHERE[path]) == (404, True)


@pytest.mark.parametrize("path", ELSEWHERE)
async def test_with_authz_off_it_does(path: str, tmp_path: Path) -> None:
    async with guarded(rewritten(path), tmp_path, off=["authz"], policies=FILES) as site:
        assert (await site.get("/sub/open")).text == ELSEWHERE[path]
