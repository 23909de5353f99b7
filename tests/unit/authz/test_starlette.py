"""Reading the routes of a FastAPI or Starlette application, and confirming them."""

import asyncio
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Mount, Route

from ringfence.authz.seal import Seal
from ringfence.authz.starlette import Routes, Survey
from ringfence.core.exchange import Exchange, current
from ringfence.core.policy import POLICY_ATTRIBUTE, allow, public, role, signed_in
from ringfence.core.route import RouteTable
from tests.unit.authn.flows import NOON, Collector


async def handler() -> str:
    return "ran"


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """An application of another kind."""


def read(app: Any, **policies: Any) -> Survey:
    return Routes(app, {"/" + k if k else "/": v for k, v in policies.items()}).read()


# ---------------------------------------------------------------------------------- what is found


def test_every_route_without_a_policy_is_listed_included_mounted_and_websocket() -> None:
    app = FastAPI()
    inner, deep = APIRouter(), APIRouter(prefix="/deep")
    deep.add_api_route("/a", handler)
    inner.include_router(deep, prefix="/mid")
    app.include_router(inner, prefix="/api")
    app.add_api_websocket_route("/ws", raw)
    app.mount("/files", raw)
    app.mount("/sub", Starlette(routes=[Route("/x", handler)]))
    problems = "\n".join(read(app).problems)
    for expected in (
        "GET /api/mid/deep/a:",
        "WEBSOCKET /ws:",
        "/files/…:",
        "GET, HEAD /sub/x:",
        "/openapi.json:",
        "/docs:",
        "/redoc:",
    ):
        assert expected in problems
    assert "/docs/oauth2-redirect:" in problems


def test_a_policy_on_the_handler_or_in_policies_is_enough() -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/a", allow(signed_in)(handler_copy()))
    app.mount("/files", raw)
    assert read(app, files=public).problems == []


def test_a_policy_for_a_route_that_does_not_exist_is_a_problem() -> None:
    (problem,) = read(FastAPI(openapi_url=None), nowhere=public).problems
    assert problem.startswith("/nowhere:")


def test_two_policies_for_one_route_are_a_problem() -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/a", allow(signed_in)(handler_copy()))
    (problem,) = read(app, a=public).problems
    assert "two policies" in problem


@pytest.mark.parametrize("route", [Host("example.com", raw), BaseRoute()])
def test_a_route_of_a_kind_that_is_not_understood_is_a_problem(route: BaseRoute) -> None:
    (problem,) = read(Starlette(routes=[route])).problems
    assert "is not understood" in problem


@pytest.mark.skipif(not hasattr(FastAPI, "frontend"), reason="this FastAPI has no frontend()")
def test_a_frontend_of_fastapi_is_a_problem(tmp_path: Any) -> None:
    (tmp_path / "index.html").write_text("x")
    app = FastAPI(openapi_url=None)
    app.frontend("/ui", directory=str(tmp_path))
    (problem,) = read(app).problems
    assert "frontend() is not understood" in problem


def test_an_application_of_another_kind_has_the_routes_that_policies_names() -> None:
    survey = Routes(raw, {"GET,POST /a/{id}": signed_in, "/b": public}).read()
    first, second = survey.entries
    assert (first.pattern, first.methods) == ("/a/{id}", frozenset({"GET", "POST"}))
    assert (second.pattern, second.methods) == ("/b", frozenset())


def test_a_mounted_application_has_nothing_beyond_its_routes() -> None:
    app = Starlette(
        routes=[
            Mount("/sub", routes=[Route("/x", allow(public)(handler_copy()))]),
            Route("/{rest:path}", allow(public)(handler_copy())),
        ]
    )
    survey = read(app)
    assert survey.problems == []
    table = RouteTable(survey.entries)
    entry = table.find("http", "GET", "/sub/other").entry
    assert entry is not None
    assert entry.policy is None


# ------------------------------------------------------------------------------- differential fuzz


@pytest.mark.parametrize("first", ["/a/{x}", "/a/b"])
def test_the_first_route_wins_whether_it_has_parameters_or_not(first: str) -> None:
    second = "/a/b" if first == "/a/{x}" else "/a/{x}"
    routes = [Route(path, allow(public)(handler_copy())) for path in (first, second)]
    entry = RouteTable(read(Starlette(routes=routes)).entries).find("http", "GET", "/a/b").entry
    assert entry is not None
    assert entry.pattern == first


SEGMENTS = ("a", "b", "{x}", "{n:int}", "{p:path}", "{u:uuid}", "{f:float}", "a.b", "a{x}")
PATH_PIECES = ("a", "b", "7", "007", "1.5", "-1", "", ".", "a.b", "ab", "\n", "%2F", "é",
               "123e4567-e89b-12d3-a456-426614174000")  # fmt: skip


def named(pattern: str, numbers: Iterator[int]) -> str:
    """Give every parameter of the pattern a name of its own."""
    out = ""
    for piece in pattern.split("{"):
        out += ("{" + f"p{next(numbers)}" + piece[1:]) if "}" in piece else piece
    return out


segments = st.one_of(st.sampled_from(("a", "{x}")), st.sampled_from(SEGMENTS))
patterns = st.lists(segments, min_size=0, max_size=2).map("/".join)
leaf = st.tuples(st.just("route"), patterns, st.sampled_from(["GET", "POST"]))
tree = st.recursive(
    leaf,
    lambda children: st.tuples(
        st.sampled_from(["include", "mount", "submount"]),
        st.sampled_from(["", "a", "b", "{t}"]),
        st.lists(children, max_size=4),
    ),
    max_leaves=8,
)
pieces = st.one_of(st.sampled_from(("a", "b")), st.sampled_from(PATH_PIECES))
paths = st.lists(pieces, max_size=3).map(lambda pieces: "/" + "/".join(pieces))


def build(nodes: list[Any], numbers: Iterator[int]) -> FastAPI:
    app = FastAPI(openapi_url=None)
    for node in nodes:
        plant(app.router, node, numbers)
    return app


def plant(router: APIRouter, node: Any, numbers: Iterator[int]) -> None:
    kind, pattern, rest = node
    if kind == "route":
        endpoint = handler_copy()
        path = named("/" + pattern, numbers)
        setattr(endpoint, POLICY_ATTRIBUTE, role(f"r{next(numbers)}"))
        router.add_api_route(path, endpoint, methods=[rest])
        return
    prefix = named("/" + pattern if pattern else "", numbers)
    if kind == "include":
        inner = APIRouter()
        for child in rest:
            plant(inner, child, numbers)
        if prefix or all(getattr(route, "path", "x") for route in inner.routes):
            router.include_router(inner, prefix=prefix)
    else:
        sub = FastAPI(openapi_url=None)
        for child in rest:
            plant(sub.router, child, numbers)
        router.mount(prefix, sub if kind == "submount" else sub.router)


async def served(app: FastAPI, method: str, path: str) -> str | None:
    """The policy of the handler that the framework runs for this request, None for none."""
    ran: list[str] = []
    scope = {
        "type": "http", "method": method, "path": path, "root_path": "", "headers": [],
        "query_string": b"", "scheme": "http", "server": ("test", 80),
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            ran.append(dict(message["headers"])[b"x-ran"].decode())

    await app(scope, receive, send)
    return ran[0] if ran else None


@settings(max_examples=200)
@example([("include", "", [("route", "{p:path}", "POST")]),
          ("include", "a", [("route", "a/{x}", "POST")])], ["/a/a/\n"])  # fmt: skip
@given(st.lists(tree, max_size=6), st.lists(paths, min_size=1, max_size=6))
def test_no_path_is_served_and_decided_differently(nodes: list[Any], tried: list[str]) -> None:
    """DESIGN section 4, step 3: our table against the framework's own router."""
    table = RouteTable(Routes(build(nodes, iter(range(10_000))), {}).read().entries)
    theirs = build(nodes, iter(range(10_000)))  # the same application, left as it is

    async def compare() -> None:
        for path, method in product(tried, ("GET", "POST", "PUT")):
            entry = table.find("http", method, path).entry
            decided = None if entry is None or entry.policy is None else repr(entry.policy)
            ran = await served(theirs, method, path)
            assert decided == ran or ("\n" in path and decided is None), (
                f"{method} {path!r}: decided as {decided}, served by {ran}"
            )

    asyncio.run(compare())


@settings(max_examples=200)
@example([("submount", "a", [("route", "b", "GET")])], ["/a/b"])
@example([("include", "a", [("mount", "b", [("route", "{x}", "GET")])])], ["/a/b/7"])
@given(st.lists(tree, max_size=6), st.lists(paths, min_size=1, max_size=6))
def test_what_is_decided_is_served_once_all_is_sealed(nodes: list[Any], tried: list[str]) -> None:
    """The other way round: the check at the handlers lets through what the table allowed."""
    sealed = build(nodes, iter(range(10_000)))
    survey = Routes(sealed, {}).read()
    table, seal = RouteTable(survey.entries), Seal(survey.tree)

    async def compare() -> None:
        for path, method in product(tried, ("GET", "POST", "PUT")):
            exchange = Exchange({}, request_id="r", now=NOON, sink=Collector())
            exchange.match = table.find("http", method, path)
            exchange.entry = entry = exchange.match.entry
            if entry is None or entry.policy is None:
                continue  # refused before it is dispatched
            seal.examine(entry)
            token = current.set(exchange)
            try:
                assert await served(sealed, method, path) == repr(entry.policy)
            finally:
                current.reset(token)

    asyncio.run(compare())


def handler_copy() -> Any:
    """A handler of its own that answers with its policy in a header."""

    async def endpoint() -> PlainTextResponse:
        policy = getattr(endpoint, POLICY_ATTRIBUTE, None)
        return PlainTextResponse("", headers={"x-ran": repr(policy)})

    return endpoint
