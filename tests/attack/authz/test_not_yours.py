"""What is not yours does not exist; what you may not use you do not learn of (Z01, Z02, Z03)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, WebSocket

from ringfence import (
    ConfigurationError,
    Owned,
    aal,
    allow,
    owner,
    public,
    role,
    self_only,
    signed_in,
)
from tests.attack.authz.guarded import Site, guarded


@dataclass
class Order:
    """Somebody's order."""

    user: str
    note: str


ORDERS = {"17": Order("alice", "canary-alice"), "18": Order("bob", "canary-bob")}


class Orders:
    """A loader that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def load(self, key: str) -> Order | None:
        self.asked.append(key)
        return ORDERS.get(key)

    def owner(self, value: object) -> str:
        assert isinstance(value, Order)
        return value.user


def shop() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/orders/{order_id}")
    @allow(owner(Order))
    async def read_order(order: Owned[Order]) -> dict[str, str]:
        return {"note": order.note}

    @app.put("/orders/{order_id}")
    @allow(owner(Order) & role("editor"))
    async def change_order(order: Owned[Order]) -> dict[str, str]:
        return {"note": order.note}

    @app.get("/archive/{order_id}")
    @allow(aal(2) | owner(Order))
    async def read_archive(order: Owned[Order]) -> dict[str, str]:
        return {"note": order.note}

    @app.get("/numbers/{number:int}")
    @allow(public)
    async def read_number(number: int) -> str:
        return "a number"

    @app.delete("/users/{user_id}")
    @allow(role("admin") & (role("superadmin") | self_only))
    async def delete_user(user_id: str) -> dict[str, str]:
        return {"deleted": user_id}

    @app.get("/me")
    @allow(signed_in)
    async def me() -> str:
        return "me"

    @app.websocket("/ws")
    @allow(signed_in)
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    @app.get("/open")
    @allow(public)
    async def open_() -> str:
        return "open"

    return app


@pytest.fixture
async def orders() -> Orders:
    return Orders()


@pytest.fixture
async def site(tmp_path: Path, orders: Orders) -> AsyncIterator[Site]:
    async with guarded(shop(), tmp_path, resources={Order: orders}) as site:
        yield site


@pytest.fixture
async def naked(tmp_path: Path, orders: Orders) -> AsyncIterator[Site]:
    async with guarded(shop(), tmp_path / "n", off=["authz"], resources={Order: orders}) as site:
        yield site


def comparable(answer: httpx2.Response) -> tuple[int, Any, bytes]:
    """An answer but for the value of the request id."""
    request_id = answer.headers["x-request-id"]
    headers = [(k, v.replace(request_id, "")) for k, v in answer.headers.multi_items()]
    return answer.status_code, headers, answer.content.replace(request_id.encode(), b"")


async def test_a_foreign_order_equals_a_missing_one_byte_for_byte(site: Site) -> None:
    """ATTACKS Z01; DESIGN section 4, step 5."""
    alice = site.bearer("alice")
    foreign = await site.get("/orders/18", headers=alice)
    missing = await site.get("/orders/99", headers=alice)
    assert foreign.status_code == 404
    assert foreign.json()["code"] == "resource.missing"
    assert comparable(foreign) == comparable(missing)
    assert (await site.get("/orders/17", headers=alice)).json() == {"note": "canary-alice"}


def unowned() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/unowned/{order_id}")
    @allow(signed_in)
    async def read_unowned(order: Owned[Order]) -> str:
        return "ran"

    return app


async def test_a_handler_that_wants_an_object_which_no_policy_names_stops_the_start(
    tmp_path: Path,
) -> None:
    problem = r"/unowned/{order_id}: Owned\[…\] needs owner\(…\) in the policy, signed_in"
    with pytest.raises(ConfigurationError, match=problem):
        async with guarded(unowned(), tmp_path):
            pass


async def test_where_it_comes_late_and_authz_is_off_it_does_not_get_none_either(
    tmp_path: Path,
) -> None:
    app = FastAPI(openapi_url=None)
    async with guarded(app, tmp_path, off=["authz"]) as site:
        app.include_router(unowned().router)
        answer = await site.get("/unowned/17", headers=site.bearer("alice"))
        assert (answer.status_code, answer.json()["code"]) == (404, "resource.missing")


@pytest.mark.parametrize("digits", [640, 641, 4301, 8000])
async def test_a_number_of_any_length_is_no_crash(site: Site, digits: int) -> None:
    answer = await site.get("/numbers/" + "9" * digits)
    assert answer.status_code == (200 if digits == 640 else 404)


async def test_a_step_up_is_asked_for_whether_the_order_exists_or_not(site: Site) -> None:
    alice = site.bearer("alice")
    foreign = await site.get("/archive/18", headers=alice)
    missing = await site.get("/archive/99", headers=alice)
    assert foreign.json()["code"] == "aal.insufficient"
    assert comparable(foreign) == comparable(missing)
    assert (await site.get("/archive/17", headers=alice)).status_code == 200
    strong = site.bearer("alice", aal=2)
    assert (await site.get("/archive/18", headers=strong)).status_code == 200
    assert (await site.get("/archive/99", headers=strong)).status_code == 404


async def test_with_authz_off_a_foreign_order_is_served(naked: Site) -> None:
    answer = await naked.get("/orders/18", headers=naked.bearer("alice"))
    assert answer.json() == {"note": "canary-bob"}


async def test_the_resource_is_loaded_once_and_never_for_a_stranger(
    site: Site, orders: Orders
) -> None:
    assert (await site.get("/orders/17")).status_code == 401
    assert orders.asked == []
    await site.get("/orders/17", headers=site.bearer("alice"))
    assert orders.asked == ["17"]


async def test_an_admin_deletes_himself_and_a_superadmin_anybody(site: Site) -> None:
    """The mission's own example of role and ownership (Z03)."""

    async def delete(user: str, *roles: str) -> int:
        headers = site.bearer("ada", *roles)
        return (await site.client.delete(f"/users/{user}", headers=headers)).status_code

    assert await delete("ada", "user") == 404
    assert await delete("ada", "admin") == 200
    assert await delete("bob", "admin") == 404
    assert await delete("bob", "superadmin") == 404
    assert await delete("bob", "admin", "superadmin") == 200


async def test_with_authz_off_anybody_deletes_anybody(naked: Site) -> None:
    answer = await naked.client.delete("/users/bob", headers=naked.bearer("mallory"))
    assert answer.json() == {"deleted": "bob"}


@pytest.mark.parametrize(
    ("method", "path", "roles", "status", "methods"),
    [
        ("PATCH", "/orders/17", ("user",), 405, "GET"),
        ("PATCH", "/orders/17", ("editor",), 405, "GET, PUT"),
        ("PATCH", "/orders/18", ("user",), 404, None),
        ("PATCH", "/orders/99", ("user",), 404, None),
        ("GET", "/users/bob", ("user",), 404, None),
        ("GET", "/users/bob", ("admin", "superadmin"), 405, "DELETE"),
        ("POST", "/me", ("user",), 405, "GET"),
        ("TRACE", "/me", ("user",), 405, "GET"),
    ],
)
async def test_another_method_is_405_only_for_whoever_may_use_the_path(
    site: Site, method: str, path: str, roles: tuple[str, ...], status: int, methods: str | None
) -> None:
    """ATTACKS H06."""
    answer = await site.client.request(method, path, headers=site.bearer("alice", *roles))
    assert answer.status_code == status
    assert answer.headers.get("allow") == methods


async def test_a_stranger_learns_of_no_method(site: Site) -> None:
    known = await site.client.request("PATCH", "/me")
    unknown = await site.client.request("PATCH", "/nothing")
    assert known.status_code == 404
    assert comparable(known) == comparable(unknown)


@pytest.mark.parametrize("override", ["x-http-method-override", "x-method-override"])
async def test_no_header_changes_the_method(site: Site, override: str) -> None:
    """ATTACKS H06."""
    headers = site.bearer("ada", "admin", "superadmin") | {override: "DELETE"}
    assert (await site.client.get("/users/bob", headers=headers)).status_code == 405


@pytest.mark.parametrize(
    "headers",
    [{"x-user-id": "alice"}, {"x-remote-user": "alice"}, {"x-internal": "true"}],
)
async def test_a_header_that_names_somebody_is_nobody(site: Site, headers: dict[str, str]) -> None:
    """ATTACKS H04."""
    assert (await site.get("/me", headers=headers)).status_code == 401


async def test_a_websocket_is_closed_before_its_handler_runs(site: Site) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    def scope(*headers: tuple[bytes, bytes], path: str = "/ws") -> dict[str, Any]:
        return {
            "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"test.example"), *headers], "client": ("203.0.113.7", 1),
            "root_path": "", "scheme": "ws", "subprotocols": [],
        }  # fmt: skip

    await site.guard(scope(), receive, send)
    await site.guard(scope(path="/nothing"), receive, send)
    assert [(m["type"], m["code"]) for m in sent] == [("websocket.close", 1008)] * 2
    sent.clear()
    token = site.bearer("alice")["authorization"].encode()
    await site.guard(scope((b"authorization", token)), receive, send)
    assert [m["type"] for m in sent] == ["websocket.accept", "websocket.close"]
