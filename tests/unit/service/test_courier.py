"""Nothing is lost in silence: what the courier cannot do becomes an event."""

import asyncio
from datetime import timedelta

import pytest

from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.service.courier import Courier, random_pause
from tests.unit.authn.flows import NOON, Collector, within


def lost(exchange: Exchange) -> list[object]:
    assert isinstance(exchange.sink, Collector)
    return [event.facts["reason"] for event in exchange.sink.events]


async def fail() -> None:
    raise OSError("no route to the relay")


async def hang() -> None:
    await asyncio.Event().wait()


def courier(waiting: int = 10) -> Courier:
    return Courier(lambda: NOON, pause=lambda: 0.0, waiting=waiting)


async def test_a_mail_that_fails_becomes_an_event_without_its_words() -> None:
    with within() as exchange:
        runner = courier()
        runner.post(exchange, fail)
        await runner.idle()
        assert lost(exchange) == ["OSError"]
        assert isinstance(exchange.sink, Collector)
        assert exchange.sink.codes == ["mail.failed"]


async def test_a_full_queue_refuses_and_says_when_to_try_again() -> None:
    with within() as exchange:
        runner = courier(waiting=2)
        for _ in range(2):
            runner.post(exchange, hang)
        with pytest.raises(Refused, match="mail.busy") as caught:
            runner.post(exchange, hang)
        assert caught.value.retry_after == timedelta(seconds=10)
        await runner.close(timedelta())


async def test_an_offer_to_a_full_queue_becomes_an_event() -> None:
    with within() as exchange:
        runner = courier(waiting=0)
        runner.offer(exchange, hang)
        assert lost(exchange) == ["mail.busy"]


async def test_closing_finishes_what_can_be_finished_and_reports_the_rest() -> None:
    done: list[bool] = []

    async def finish() -> None:
        done.append(True)

    with within() as exchange:
        runner = courier()
        runner.post(exchange, finish)
        runner.post(exchange, hang)
        await runner.close(timedelta(milliseconds=10))
        assert done == [True]
        assert lost(exchange) == ["shutdown"]


def test_the_pause_before_an_errand_has_a_random_length() -> None:
    pauses = {random_pause() for _ in range(100)}
    assert len(pauses) > 90
    assert all(0 <= pause <= 0.5 for pause in pauses)
