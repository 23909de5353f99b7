"""One client cannot use an application's routes without an end (OWASP API4:2023), with its pair.

The attack fails with everything on, and succeeds with the layer off that stops it.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.routing import Mount

from ringfence import ConfigurationError, Ringfence, Settings, allow, limit, public, signed_in
from ringfence.authz.boundaries import rows, write_lock
from ringfence.boundary import handlers
from ringfence.core.settings import Environment
from tests.attack.authz.guarded import ORIGIN, Site, guarded


class Gate(asyncio.Event):
    """Handlers wait before it, and are counted."""

    waiting = 0

    async def wait(self) -> Any:
        self.waiting += 1
        return await super().wait()


def shop(gate: asyncio.Event | None = None) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/reports")
    @allow(public)
    @limit("3/m")
    async def reports() -> str:
        return "a report"

    @app.get("/orders/{order_id}")
    @allow(signed_in)
    async def order(order_id: int) -> int:
        return order_id

    @app.get("/slow")
    @allow(public)
    async def slow() -> str:
        if gate is not None:
            await gate.wait()
        return "done"

    @app.get("/quick")
    @allow(public)
    async def quick() -> str:
        return "quick"

    return app


def settings_of(folder: Path, **chosen: Any) -> Settings:
    return Settings(
        environment=Environment.TEST,
        origin=ORIGIN,
        database="memory:",
        keys=folder / "keys",
        log=str(folder / "log"),
        **chosen,
    )


async def answers(site: Site, path: str, count: int, **options: Any) -> list[int]:
    found = await asyncio.gather(*(site.get(path, **options) for _ in range(count)))
    return sorted(answer.status_code for answer in found)


@pytest.mark.parametrize(
    ("off", "expected"), [((), [200] * 3 + [429] * 2), (("authn",), [200] * 5)], ids=["on", "off"]
)
async def test_a_route_is_used_as_often_as_it_says(
    tmp_path: Path, off: Iterable[str], expected: list[int]
) -> None:
    async with guarded(shop(), tmp_path, off=off) as site:
        assert await answers(site, "/reports", 5) == expected
        assert await answers(site, "/quick", 5) == [200] * 5


async def test_the_answers_say_how_much_is_left_and_when_to_come_back(tmp_path: Path) -> None:
    async with guarded(shop(), tmp_path) as site:
        first = await site.get("/reports")
        assert first.headers["ratelimit-policy"] == '"address";q=3;w=60'
        assert first.headers["ratelimit"] == '"address";r=2'
        await answers(site, "/reports", 2)
        refused = await site.get("/reports")
        assert refused.json()["code"] == "request.limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"address";r=0;t=')
        assert "ratelimit" not in (await site.get("/quick")).headers


async def test_ids_cannot_be_tried_one_after_the_other(tmp_path: Path) -> None:
    """What is refused by the policy counts as well, and whoever asks is counted before it does."""
    limits = {"/orders": [limit("2/m", by="account"), limit("5/m")]}
    async with guarded(shop(), tmp_path, limits=limits) as site:
        assert await answers(site, "/orders/1", 1) == [401]
        alice, bob = site.bearer("alice"), site.bearer("bob")
        assert await answers(site, "/orders/1", 3, headers=alice) == [200, 200, 429]
        assert await answers(site, "/orders/1", 3, headers=bob) == [200, 200, 429]
        assert await answers(site, "/orders/1", 1) == [429]  # the address has used up its five
        assert await answers(site, "/quick", 1) == [200]


async def test_what_stands_below_a_prefix_is_counted_together(tmp_path: Path) -> None:
    inner = shop()
    app = FastAPI(openapi_url=None, routes=[Mount("/api", inner)])
    async with guarded(app, tmp_path, limits={"/api": limit("3/m")}) as site:
        assert await answers(site, "/api/quick", 2) == [200] * 2
        assert await answers(site, "/api/slow", 2) == [200, 429]


async def test_a_limit_for_a_prefix_that_no_route_has_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="/reprots: a limit for a prefix"):
        async with guarded(shop(), tmp_path, limits={"/reprots": limit("3/m")}):
            pass


@pytest.mark.parametrize("setting", ["address_limit", "account_limit"])
async def test_the_budgets_that_are_set_arrive(tmp_path: Path, setting: str) -> None:
    by = setting.removesuffix("_limit")
    chosen: dict[str, Any] = {"address_limit": None, "account_limit": None}
    chosen[setting] = limit("2/m", by="account" if by == "account" else "address")
    async with guarded(shop(), tmp_path, settings=settings_of(tmp_path, **chosen)) as site:
        found = await answers(site, "/quick", 3, headers=site.bearer("alice"))
        assert found == [200, 200, 429]


# --------------------------------------------------------------------------- handlers under way


@pytest.mark.parametrize(("off", "most"), [((), 4), (("boundary",), 50)], ids=["on", "off"])
async def test_one_route_that_is_flooded_takes_no_other_down(
    tmp_path: Path, off: Iterable[str], most: int
) -> None:
    """Issue 9, B12: 500 of 500 requests of one flood were taken on."""
    gate = Gate()
    refused = 0 if off else 50 - most - 4 * most
    settings = settings_of(tmp_path, handlers_at_once=4)
    async with guarded(shop(gate), tmp_path, off=off, settings=settings) as site:
        flood = [asyncio.create_task(site.get("/slow")) for _ in range(50)]
        while gate.waiting < most or sum(each.done() for each in flood) < refused:  # noqa: ASYNC110  # until all have found their place
            await asyncio.sleep(0)
        assert gate.waiting == most
        assert (await site.get("/quick")).status_code == 200
        gate.set()
        found = [answer.status_code for answer in await asyncio.gather(*flood)]
    assert (found.count(200), found.count(503)) == (50 - refused, refused)


async def test_a_handler_that_takes_too_long_is_answered_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_SWEEP_SECONDS", 0.0)
    settings = settings_of(tmp_path, handler_seconds=0)
    async with guarded(shop(asyncio.Event()), tmp_path, settings=settings) as site:
        answer = await site.get("/slow")
        assert (answer.status_code, answer.json()["code"]) == (503, "handler.too_slow")
        assert answer.headers["retry-after"] == "2"
        assert (await site.get("/quick")).status_code == 200
    assert '"handler.too_slow"' in (tmp_path / "log").read_text()


class Blocked(threading.Event):
    """A handler without ``async`` waits before it, and each that does is counted."""

    waiting = 0

    def shop(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/blocks")
        @allow(public)
        def blocks() -> str:
            self.waiting += 1
            self.wait()
            return "done"

        @app.get("/streams")
        @allow(public)
        async def streams() -> StreamingResponse:
            return StreamingResponse(self.pieces())

        @app.get("/in-a-thread")
        @allow(public)
        def in_a_thread() -> str:
            return "done"

        return app

    def pieces(self) -> Iterator[bytes]:
        self.waiting += 1
        self.wait()
        yield b"done"


async def test_a_thread_that_was_cut_off_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 9, B12: each request that was cut off left a thread behind, and made a new one."""
    monkeypatch.setattr(handlers, "_SWEEP_SECONDS", 0.0)
    gate, settings = Blocked(), settings_of(tmp_path, handler_seconds=1000, handlers_at_once=3)
    async with guarded(gate.shop(), tmp_path, settings=settings) as site:
        assert await answers(site, "/blocks", 1) == [503]
        for _ in range(3):
            assert await answers(site, "/blocks", 1) == [503]  # there is one place
        assert gate.waiting == 1
        gate.set()
        while (await site.get("/blocks")).status_code != 200:
            pass


async def test_with_boundary_off_threads_are_taken_without_a_bound(tmp_path: Path) -> None:
    gate, settings = Blocked(), settings_of(tmp_path, handlers_at_once=3)
    async with guarded(gate.shop(), tmp_path, off=["boundary"], settings=settings) as site:
        flood = asyncio.create_task(answers(site, "/blocks", 6))
        while gate.waiting < 6:  # noqa: ASYNC110  # until all are in their threads
            await asyncio.sleep(0)
        gate.set()
        assert await flood == [200] * 6


@pytest.mark.parametrize(("off", "status"), [((), 503), (("boundary",), 200)], ids=["on", "off"])
async def test_where_streams_hold_all_threads_no_route_that_needs_one_takes_more(
    tmp_path: Path, off: Iterable[str], status: int
) -> None:
    """Issue 9, B12: streams without ``async`` share the threads; who can't have one is told so."""
    gate, threads = Blocked(), current_default_thread_limiter()
    usual, threads.total_tokens = threads.total_tokens, 2
    try:
        async with guarded(gate.shop(), tmp_path, off=off) as site:
            flood = asyncio.create_task(answers(site, "/streams", 4))
            while threads.statistics().tasks_waiting < 2:  # noqa: ASYNC110  # until all wait
                await asyncio.sleep(0)
            one_more = asyncio.create_task(site.get("/in-a-thread"))
            if status == 200:
                while threads.statistics().tasks_waiting < 3:  # noqa: ASYNC110  # until all wait
                    await asyncio.sleep(0)
            else:
                answer = await one_more
                assert answer.json()["code"] == "handler.crowded"
            gate.set()
            assert (await one_more).status_code == status
            assert await flood == [200] * 4
    finally:
        threads.total_tokens = usual


def test_the_map_and_the_lock_show_limits() -> None:
    app = Ringfence(shop(), limits={"/orders": limit("60/m", by="account")})
    lock = write_lock(rows(app.survey().entries))
    assert '  public  limit("3/m", by="address")\n' in lock
    assert '  signed_in  limit("60/m", by="account")\n' in lock
