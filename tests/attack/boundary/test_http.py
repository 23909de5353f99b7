"""Requests that two parsers would read differently, and requests that a foreign page sends.

Each attack is run twice against a whole, running stack: it fails with the boundary layer on, and
succeeds with it off.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from ringfence import allow, public, safe_location
from ringfence.core.codes import Layer
from tests.attack.authz.guarded import ORIGIN, Site, guarded

OFF = [Layer.BOUNDARY]
EVIL = "https://evil.example"


def careless() -> FastAPI:
    """Handlers that believe what they read."""
    app = FastAPI(openapi_url=None)

    @app.get("/search")
    @allow(public)
    async def search(request: Request) -> dict[str, Any]:
        return dict(request.query_params)

    @app.get("/files/{name:path}")
    @allow(public)
    async def file(name: str) -> str:
        return name

    @app.post("/profile")
    @allow(public)
    async def profile(request: Request) -> dict[str, Any]:
        found: dict[str, Any] = await request.json()
        return found

    @app.post("/transfer")
    @allow(public)
    async def transfer(request: Request) -> str:
        return request.cookies.get("session", "nobody")

    @app.get("/go")
    @allow(public)
    async def go(target: str) -> RedirectResponse:
        return RedirectResponse(safe_location(target))

    return app


@asynccontextmanager
async def careless_site(folder: Path, *, off: bool) -> AsyncGenerator[Site]:
    # Output polices Location too: with it off, what is seen is the boundary's own doing.
    layers = [*(OFF if off else []), Layer.OUTPUT]
    async with guarded(careless(), folder, off=layers) as site:
        yield site


async def ask(
    folder: Path, method: str, path: str, *, off: bool, **options: Any
) -> httpx2.Response:
    async with careless_site(folder, off=off) as site:
        return await site.client.request(method, path, **options)


JSON: Mapping[str, str] = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("body", "believed"),
    [
        (b'{"role": "user", "role": "admin"}', {"role": "admin"}),
        (b'{"role": "user", "\\u0072ole": "admin"}', {"role": "admin"}),
        ('{"role": "admin"}'.encode("utf-16"), {"role": "admin"}),
    ],
)
async def test_a_body_with_two_readings(tmp_path: Path, body: bytes, believed: object) -> None:
    """ATTACKS I11."""
    sent: dict[str, Any] = {"content": body, "headers": JSON}
    answer = await ask(tmp_path / "on", "POST", "/profile", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "body.malformed")
    answer = await ask(tmp_path / "off", "POST", "/profile", off=True, **sent)
    assert answer.json() == believed


@pytest.mark.parametrize("body", [b'{"role": "user", "role": "admin"}', b' {"role": "admin"}'])
async def test_json_under_the_name_of_a_form(tmp_path: Path, body: bytes) -> None:
    """ATTACKS I11: ``request.json()`` asks for no type, but the checks went by it.

    Read as a form, two equal names are none, and no escape hides an input from the SQL guard.
    """
    headers = {"content-type": "application/x-www-form-urlencoded"}
    sent: dict[str, Any] = {"content": body, "headers": headers}
    answer = await ask(tmp_path / "on", "POST", "/profile", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "body.malformed")
    answer = await ask(tmp_path / "off", "POST", "/profile", off=True, **sent)
    assert answer.json() == {"role": "admin"}


async def test_a_body_of_a_hundred_thousand_values(tmp_path: Path) -> None:
    """ATTACKS H08."""
    body = b'{"a": [' + b",".join([b"1"] * 100_000) + b"]}"
    sent: dict[str, Any] = {"content": body, "headers": JSON}
    answer = await ask(tmp_path / "on", "POST", "/profile", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "body.malformed")
    answer = await ask(tmp_path / "off", "POST", "/profile", off=True, **sent)
    assert len(answer.json()["a"]) == 100_000


async def test_a_body_over_the_limit(tmp_path: Path) -> None:
    """ATTACKS H08."""
    sent: dict[str, Any] = {"content": b'{"a": "' + b"x" * 1_048_576 + b'"}', "headers": JSON}
    answer = await ask(tmp_path / "on", "POST", "/profile", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (413, "body.too_large")
    assert (await ask(tmp_path / "off", "POST", "/profile", off=True, **sent)).status_code == 200


async def test_xml_where_json_is_read(tmp_path: Path) -> None:
    """ATTACKS I05: what nobody here reads is not handed on."""
    sent: dict[str, Any] = {"content": b'{"a": 1}', "headers": {"content-type": "application/xml"}}
    answer = await ask(tmp_path / "on", "POST", "/profile", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (415, "body.type")
    assert (await ask(tmp_path / "off", "POST", "/profile", off=True, **sent)).json() == {"a": 1}


async def test_a_query_that_says_one_thing_twice(tmp_path: Path) -> None:
    """ATTACKS I11."""
    answer = await ask(tmp_path / "on", "GET", "/search?id=1&id=2", off=False)
    assert (answer.status_code, answer.json()["code"]) == (400, "query.malformed")
    answer = await ask(tmp_path / "off", "GET", "/search?id=1&id=2", off=True)
    assert answer.json() == {"id": "2"}


@pytest.mark.parametrize("path", ["/files/a/%2e%2e/%2e%2e/etc", "/files/%252e%252e%252fetc"])
async def test_a_path_in_disguise(tmp_path: Path, path: str) -> None:
    """ATTACKS I07; Ledger 19."""
    answer = await ask(tmp_path / "on", "GET", path, off=False)
    assert (answer.status_code, answer.json()["code"]) == (400, "path.malformed")
    answer = await ask(tmp_path / "off", "GET", path, off=True)
    assert answer.status_code == 200
    assert "etc" in answer.json()


async def test_another_name_for_this_address(tmp_path: Path) -> None:
    """ATTACKS H02 and DNS rebinding: to the browser the foreign page is of the same origin."""
    rebound = {
        "host": "evil.example",
        "origin": "http://evil.example",
        "sec-fetch-site": "same-origin",
    }
    sent: dict[str, Any] = {"headers": {**rebound, "cookie": "session=alice"}}
    answer = await ask(tmp_path / "on", "POST", "/transfer", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (421, "host.unknown")
    assert (await ask(tmp_path / "off", "POST", "/transfer", off=True, **sent)).json() == "alice"


FORGED = {
    "by a page of another site": (
        {"sec-fetch-site": "cross-site", "origin": EVIL},
        "csrf.cross_site",
    ),
    "by a page on another port": (
        {"sec-fetch-site": "same-site", "origin": "http://test.example:9000"},
        "csrf.cross_site",
    ),
    "by an old browser": ({"origin": EVIL}, "csrf.cross_site"),
    "by a sandboxed frame": ({"origin": "null"}, "csrf.cross_site"),
    "by a browser that says nothing": ({}, "csrf.unproven"),
}


@pytest.mark.parametrize(("headers", "code"), FORGED.values(), ids=FORGED)
async def test_a_request_forged(tmp_path: Path, headers: dict[str, str], code: str) -> None:
    """ASVS 3.5.1."""
    sent: dict[str, Any] = {"headers": {**headers, "cookie": "session=alice"}}
    answer = await ask(tmp_path / "on", "POST", "/transfer", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert (await ask(tmp_path / "off", "POST", "/transfer", off=True, **sent)).json() == "alice"


async def test_signing_a_victim_in_to_the_attackers_account(tmp_path: Path) -> None:
    """Login CSRF: the forged request needs no cookie."""
    sent: dict[str, Any] = {
        "headers": {"sec-fetch-site": "cross-site", "origin": EVIL},
        "json": {"login": "mallory@example.com", "password": "violet kettle orbits"},
    }
    answer = await ask(tmp_path / "on", "POST", "/auth/sign-in", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf.cross_site")
    answer = await ask(tmp_path / "off", "POST", "/auth/sign-in", off=True, **sent)
    assert answer.json()["code"] == "credentials.invalid"  # it was judged


async def test_our_own_pages_and_programs_are_let_in(tmp_path: Path) -> None:
    async with careless_site(tmp_path, off=False) as site:
        for headers in (
            {"sec-fetch-site": "same-origin", "origin": ORIGIN, "cookie": "session=alice"},
            {"sec-fetch-site": "same-origin", "origin": "null", "cookie": "session=alice"},
            {"origin": ORIGIN, "cookie": "session=alice"},
            {},
        ):
            answer = await site.client.post("/transfer", headers=headers)
            assert answer.status_code == 200


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https:evil.example", "/%2fevil.example"]
)
async def test_a_redirect_to_another_site(tmp_path: Path, target: str) -> None:
    """ATTACKS O07."""
    sent: dict[str, Any] = {"params": {"target": target}, "follow_redirects": False}
    answer = await ask(tmp_path / "on", "GET", "/go", off=False, **sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.refused")
    assert "location" not in answer.headers
    answer = await ask(tmp_path / "off", "GET", "/go", off=True, **sent)
    assert "evil.example" in answer.headers["location"]
