"""One route cannot hold what the others need, nor for how long it likes."""

import asyncio
from dataclasses import dataclass

import pytest

from ringfence.boundary import handlers
from ringfence.boundary.handlers import Handlers
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.core.policy import public
from ringfence.core.route import Entry
from tests.unit.authn.flows import NOON, Collector


@dataclass
class Answer:
    started: bool = False


class Endpoint:
    """A route whose handler is ``endpoint``."""

    def __init__(self, endpoint: object) -> None:
        self.endpoint = endpoint


async def quick() -> None:
    """A handler."""


def threaded() -> None:
    """A handler that needs a thread."""


def entry(pattern: str = "/slow", endpoint: object = quick, *, own: bool = False) -> Entry:
    return Entry(pattern=pattern, policy=public, handler=Endpoint(endpoint), own=own)


def exchange(of: Entry) -> Exchange:
    ex = Exchange({"type": "http"}, request_id="id", now=NOON, sink=Collector())
    ex.entry = of
    return ex


SLOW, OTHER = entry(), entry("/other")


def entered(places: Handlers, of: Entry, count: int) -> list[Exchange]:
    """So many requests that have got a place."""
    found = [exchange(of) for _ in range(count)]
    assert [places.enter(ex, Answer()) for ex in found] == [None] * count
    return found


async def waiting(places: Handlers, of: Entry) -> tuple[Exchange, asyncio.Task[None]]:
    ex = exchange(of)
    wait = places.enter(ex, Answer())
    assert wait is not None

    async def run() -> None:
        await wait

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    return ex, task


async def test_whoever_finds_no_place_waits_and_others_are_not_held_up() -> None:
    places = Handlers(2, 60)
    first, _ = entered(places, SLOW, 2)
    _, task = await waiting(places, SLOW)
    entered(places, OTHER, 2)
    assert not task.done()
    places.leave(first)
    await task
    places.close()


async def test_newcomers_do_not_overtake_whoever_waits() -> None:
    """Issue 9, B12: a flood that comes first would take each place that becomes free."""
    places = Handlers(1, 60)
    (first,) = entered(places, SLOW, 1)
    second, task = await waiting(places, SLOW)
    places.leave(first)
    newcomer = exchange(SLOW)
    wait = places.enter(newcomer, Answer())  # before the one that waits has run
    assert wait is not None
    await task
    places.leave(second)
    await wait
    places.leave(newcomer)
    entered(places, SLOW, 1)
    places.close()


async def test_too_many_that_wait_are_told_to_come_back() -> None:
    """Issue 9, B12: 500 of 500 requests of one flood were taken on."""
    places = Handlers(2, 60)
    entered(places, SLOW, 2)
    tasks = [(await waiting(places, SLOW))[1] for _ in range(8)]
    with pytest.raises(Refused, match="handler.crowded") as refused:
        places.enter(exchange(SLOW), Answer())
    assert refused.value.retry_after is not None
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    places.close()


async def test_handlers_that_need_a_thread_have_fewer_places() -> None:
    places = Handlers(6, 60)
    sync = entry("/sync", threaded)
    entered(places, sync, 2)
    _, task = await waiting(places, sync)
    task.cancel()
    places.close()


async def test_an_answer_that_has_begun_holds_no_place() -> None:
    places = Handlers(1, 60)
    answer = Answer()
    assert places.enter(exchange(SLOW), answer) is None
    answer.started = True
    entered(places, SLOW, 1)
    places.close()


async def test_one_that_was_called_and_leaves_calls_the_next() -> None:
    places = Handlers(1, 60)
    (first,) = entered(places, SLOW, 1)
    _, second = await waiting(places, SLOW)
    _, third = await waiting(places, SLOW)
    places.leave(first)
    second.cancel()  # in the very turn in which it was called
    await asyncio.gather(second, return_exceptions=True)
    await third
    places.close()


async def test_the_place_of_an_answer_that_has_begun_goes_to_whoever_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody else comes and looks: the sweep does."""
    monkeypatch.setattr(handlers, "_SWEEP_SECONDS", 0.0)
    places, answer = Handlers(1, 60), Answer()
    assert places.enter(exchange(SLOW), answer) is None
    _, task = await waiting(places, SLOW)
    answer.started = True
    await asyncio.wait_for(task, 10)
    places.close()


async def test_once_closed_it_cancels_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "_SWEEP_SECONDS", 0.0)
    places, ex = Handlers(1, -1), exchange(SLOW)
    assert places.enter(ex, Answer()) is None
    places.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not places.overdue(ex)


async def test_a_request_without_a_route_takes_no_place() -> None:
    places, lost = Handlers(1, 60), exchange(SLOW)
    lost.entry = None
    assert places.enter(lost, Answer()) is None
    entered(places, SLOW, 1)
    places.close()


async def test_an_answer_that_does_not_begin_in_time_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handlers, "_SWEEP_SECONDS", 0.0)
    places, ex = Handlers(1, 0), exchange(SLOW)

    async def handler() -> None:
        places.enter(ex, Answer())
        await asyncio.Event().wait()

    task = asyncio.create_task(handler())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    assert places.overdue(ex)
    places.leave(ex)
    assert not places.overdue(ex)
    places.close()


async def test_an_answer_that_has_begun_may_take_as_long_as_it_likes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handlers, "_SWEEP_SECONDS", 0.0)
    places, ex = Handlers(1, 0), exchange(SLOW)

    async def handler() -> None:
        places.enter(ex, Answer(started=True))
        for _ in range(20):
            await asyncio.sleep(0)

    await handler()
    assert not places.overdue(ex)
    places.close()


async def test_our_own_routes_and_sockets_take_no_places() -> None:
    places = Handlers(1, 60)
    socket = Entry(pattern="/ws", policy=public, kind="websocket", handler=Endpoint(quick))
    entered(places, entry("/auth/me", own=True), 3)
    entered(places, socket, 3)
