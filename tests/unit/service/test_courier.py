"""No mail is lost: what fails is tried again, and whoever watches hears of it."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from ringfence.authn import outbox
from ringfence.authn.mail import UndeliverableError
from ringfence.authn.outbox import KEPT, LEASE, Errand
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.service.courier import TOO_LONG, Courier, random_pause
from ringfence.storage import Stores, open_stores
from tests.unit.authn.flows import ALICE, NOON, Collector, within

SITE = "https://shop.example"


class Relay:
    """Mails, or fails to, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = NOON
        self.broken: Exception | None = None
        self.sent: list[Errand] = []
        self.stores: Stores = open_stores("memory:")
        self.sink = Collector()

    async def do(self, errand: Errand, now: datetime) -> None:
        assert now == self.now
        if self.broken is not None:
            raise self.broken
        self.sent.append(errand)

    def courier(self, do: Callable[..., Any] | None = None) -> Courier:
        made = Courier(self.stores.outbox, do or self.do, lambda: self.now, pause=lambda: 0.0)
        made._sink = self.sink
        return made

    @property
    def told(self) -> list[tuple[str, object]]:
        return [(e.code.name, e.facts.get("reason")) for e in self.sink.events]


async def post(courier: Courier, exchange: Exchange, login: str = ALICE) -> None:
    await courier.post(courier.errand("reset", login, SITE, exchange))


async def test_what_is_posted_is_sent_once() -> None:
    relay = Relay()
    courier = relay.courier()
    with within() as exchange:
        await post(courier, exchange)
    await courier.idle()
    await courier.idle()
    (sent,) = relay.sent
    assert (sent.kind, sent.login, sent.site) == ("reset", ALICE, SITE)
    assert sent.request_id == "0" * 24
    assert (await relay.stores.outbox.backlog()).count == 0


async def test_an_outage_loses_no_mail() -> None:
    """Issue 9, B8: a relay that was away for a day lost every mail of that day."""
    relay = Relay()
    relay.broken = OSError("no route to the relay")
    courier = relay.courier()
    with within() as exchange:
        await post(courier, exchange)
    tried: list[timedelta] = []
    while relay.now - NOON < timedelta(days=1):
        before = len(relay.sink.events)
        await courier.idle()
        if len(relay.sink.events) > before:
            tried.append(relay.now - NOON)
        relay.now += timedelta(seconds=10)
    waits = [int((later - earlier).total_seconds()) for earlier, later in pairwise(tried)]
    assert waits[:4] == [10, 20, 40, 80]
    assert max(waits) == 900
    assert set(relay.told) == {("mail.delayed", "OSError")}
    relay.broken = None
    relay.now += timedelta(minutes=15)
    await courier.idle()
    assert len(relay.sent) == 1


async def test_a_mail_that_was_tried_for_days_is_given_up_with_an_event() -> None:
    relay = Relay()
    relay.broken = OSError()
    courier = relay.courier()
    with within() as exchange:
        await post(courier, exchange)
    relay.now = NOON + KEPT
    await courier.idle()
    assert relay.told == [("mail.failed", "OSError")]
    assert (await relay.stores.outbox.backlog()).count == 0


async def test_a_mail_that_is_refused_for_good_is_not_tried_again() -> None:
    """Issue 9, B8: it was tried for four days. It is kept for the operator."""
    relay = Relay()
    relay.broken = UndeliverableError(550)
    courier = relay.courier()
    with within() as exchange:
        await post(courier, exchange)
    await courier.idle()
    relay.now += timedelta(days=1)
    await courier.idle()
    assert relay.told == [("mail.failed", "refused with 550")]
    (kept,) = await relay.stores.outbox.list()
    assert kept.failed


async def test_a_flood_of_sign_ups_leaves_room_for_resets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST", 3)
    monkeypatch.setattr(outbox, "_RESERVE", 1)
    relay = Relay()
    courier = relay.courier()
    with within() as exchange:
        for login in ("one@example.com", "two@example.com"):
            await courier.post(courier.errand("sign-up", login, SITE, exchange))
        with pytest.raises(Refused, match="mail.busy"):
            await courier.post(courier.errand("sign-up", "three@example.com", SITE, exchange))
        await post(courier, exchange)
    assert (await relay.stores.outbox.backlog()).count == 3


async def test_what_goes_wrong_is_told_without_words_and_logins() -> None:
    relay = Relay()
    relay.broken = OSError("550 no mailbox for alice@example.com")
    courier = relay.courier()
    with within() as exchange:
        await post(courier, exchange)
    await courier.idle()
    (event,) = relay.sink.events
    assert event.request_id == "0" * 24
    assert "alice" not in str(event.facts)
    assert event.facts["attempts"] == 1


async def test_two_workers_send_each_mail_once() -> None:
    relay = Relay()

    async def slowly(errand: Errand, now: datetime) -> None:
        await asyncio.sleep(0)
        await relay.do(errand, now)

    one, two = relay.courier(slowly), relay.courier(slowly)
    with within() as exchange:
        for number in range(20):
            await post(one, exchange, f"{number}@example.com")
    await asyncio.gather(one.idle(), two.idle())
    assert len(relay.sent) == len({errand.login for errand in relay.sent}) == 20


async def test_what_a_killed_worker_had_taken_is_sent_by_another() -> None:
    relay = Relay()
    courier = relay.courier()
    with within() as exchange:
        await post(courier, exchange)
    assert len(await relay.stores.outbox.take(relay.now, 4)) == 1  # and is heard of no more
    await courier.idle()
    assert relay.sent == []
    relay.now += LEASE
    await courier.idle()
    assert len(relay.sent) == 1


async def test_mail_that_waits_too_long_is_an_event_once_in_a_while() -> None:
    relay = Relay()
    relay.broken = OSError()
    courier = relay.courier()
    with within() as exchange:
        await post(courier, exchange)
    relay.now = NOON + TOO_LONG - timedelta(seconds=1)
    await courier._look_back()
    assert not courier.late
    for _ in range(3):
        relay.now += timedelta(seconds=1)
        await courier._look_back()
    assert courier.late
    assert [event.code.name for event in relay.sink.events] == ["mail.waiting"]
    assert relay.sink.events[0].facts == {"count": 1, "minutes": 5}
    relay.broken = None
    relay.now += LEASE
    await courier.idle()
    await courier._look_back()
    assert not courier.late


async def test_a_full_outbox_refuses_and_says_when_to_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay = Relay()
    courier = relay.courier()
    with within() as exchange:
        for number in range(3):
            await post(courier, exchange, f"{number}@example.com")
        monkeypatch.setattr(outbox, "MOST", 3)
        with pytest.raises(Refused, match="mail.busy") as caught:
            await post(courier, exchange)
    assert caught.value.retry_after == timedelta(seconds=10)


async def test_closing_sends_what_waits_and_leaves_what_cannot_be_sent() -> None:
    relay = Relay()
    courier = relay.courier()
    courier.start(relay.sink)
    with within() as exchange:
        await post(courier, exchange)
    await courier.close()
    assert len(relay.sent) == 1

    async def hang(_errand: Errand, _now: datetime) -> None:
        await asyncio.Event().wait()

    stuck = relay.courier(hang)
    stuck.start(relay.sink)
    with within() as exchange:
        await post(stuck, exchange)
    await stuck.close(timedelta(milliseconds=10))
    assert (await relay.stores.outbox.backlog()).count == 1


async def test_a_started_courier_sends_by_itself() -> None:
    relay, sent = Relay(), asyncio.Event()

    async def send(errand: Errand, now: datetime) -> None:
        await relay.do(errand, now)
        sent.set()

    courier = relay.courier(send)
    courier.start(relay.sink)
    with within() as exchange:
        await post(courier, exchange)
    async with asyncio.timeout(20):
        await sent.wait()
    await courier.close()
    assert len(relay.sent) == 1


def test_the_pause_before_errands_has_a_random_length() -> None:
    pauses = {random_pause() for _ in range(100)}
    assert len(pauses) > 90
    assert all(0 <= pause <= 0.5 for pause in pauses)
