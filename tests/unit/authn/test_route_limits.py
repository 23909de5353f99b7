"""Limits on routes: exact across processes, cheap where nobody comes near them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ringfence.authn.counters import Change, CounterStore, T
from ringfence.authn.route_limits import Budget, RouteLimits
from ringfence.core.errors import Refused, StoreError
from ringfence.core.exchange import Exchange
from ringfence.core.limit import Limit, limit
from ringfence.core.policy import public
from ringfence.core.principal import Principal
from ringfence.core.route import Entry
from ringfence.storage import open_stores
from tests.unit.authn.flows import NOON, Collector

SECOND = timedelta(seconds=1)


class Counting:
    """A store that counts how often it is asked, and may be away."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self._store: CounterStore = open_stores("memory:").counters

    async def update(self, keys: Sequence[str], change: Change[T]) -> T:
        self.asked += 1
        await asyncio.sleep(0)  # others come in between, as with a real one
        if self.away:
            raise StoreError("counters", "away")
        return await self._store.update(keys, change)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


class Site:
    """Processes of one site."""

    def __init__(self, *limits: Limit, processes: int = 1, defaults: Sequence[Limit] = ()) -> None:
        self.store = Counting()
        self.refusals: set[str] = set()
        store: CounterStore = self.store  # pyright: ignore[reportAssignmentType]  # delegates
        self.processes = [RouteLimits(store, defaults) for _ in range(processes)]
        named = tuple(("GET /a", each) for each in limits)
        self.entry = Entry(pattern="/a", policy=public, limits=named)

    def exchange(
        self, client: str = "192.0.2.1", subject: str = "", now: datetime = NOON
    ) -> Exchange:
        ex = Exchange({"type": "http"}, request_id="id", now=now, sink=Collector())
        ex.client, ex.entry = client, self.entry
        if subject:
            expires = now + timedelta(minutes=15)
            ex.principal = Principal(
                subject=subject, session="s", authenticated_at=now, expires_at=expires
            )
        return ex

    async def passes(self, ex: Exchange, process: int = 0) -> bool:
        try:
            wait = self.processes[process].count(ex)
            if wait is not None:
                await wait
        except StoreError:
            raise
        except Refused as refused:
            self.refusals.add(refused.code.name)
            return False
        return True

    async def passed(self, requests: int) -> int:
        """How many of so many at once pass, in all processes by turns."""
        every = len(self.processes)
        results = await asyncio.gather(
            *(self.passes(self.exchange(), n % every) for n in range(requests))
        )
        return sum(results)


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize(("rate", "most"), [("10/15m", 10), ("60/m", 60)])
async def test_a_small_limit_is_exact_across_processes(
    processes: int, rate: str, most: int
) -> None:
    """Ledger 22, for the application's own routes: 200 at once against a limit of 10 give 10."""
    assert await Site(limit(rate), processes=processes).passed(200) == most


async def test_a_large_limit_is_exact_in_one_process_and_never_passed_in_several() -> None:
    assert await Site(limit("200/m")).passed(400) == 200
    several = Site(limit("200/m"), processes=4)
    assert 200 - 4 * 4 <= await several.passed(400) <= 200


async def test_a_flood_looks_once_for_each_of_its_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each share woke all that waited: 1,200 at once looked 100,000 times."""
    site, looked = Site(limit("200/m")), 0
    spend = RouteLimits._spend

    def counted(self: RouteLimits, ex: Exchange, budgets: Sequence[Budget]) -> Sequence[Budget]:
        nonlocal looked
        looked += 1
        return spend(self, ex, budgets)

    monkeypatch.setattr(RouteLimits, "_spend", counted)
    assert await site.passed(400) == 200
    assert looked <= 2 * 400


async def test_of_a_large_limit_the_store_is_asked_for_a_share_at_a_time() -> None:
    site = Site(limit("500/m"))
    assert await site.passed(500) == 500
    assert site.store.asked == 50


async def test_what_was_taken_and_not_spent_is_lost_with_its_part_of_the_window() -> None:
    """Else a share that is spent late would not be counted when it is spent."""
    site = Site(limit("120/m"))
    assert await site.passes(site.exchange())
    asked = site.store.asked
    assert await site.passes(site.exchange(now=NOON + 5 * SECOND))
    assert site.store.asked == asked + 1


async def test_an_account_is_counted_from_wherever_it_comes() -> None:
    site = Site(limit("2/m", by="account"))
    places = ["192.0.2.1", "198.51.100.7", "2001:db8::1"]
    passed = [await site.passes(site.exchange(place, "alice")) for place in places]
    assert passed == [True, True, False]
    assert await site.passes(site.exchange("192.0.2.1", "bob"))


async def test_who_is_not_signed_in_is_counted_by_the_address() -> None:
    site = Site(limit("1/m", by="account"))
    assert await site.passed(3) == 1
    assert await site.passes(site.exchange("198.51.100.7"))


async def test_addresses_of_one_subscriber_are_one() -> None:
    """Ledger 18."""
    site = Site(limit("1/m"))
    assert await site.passes(site.exchange("2001:db8::1"))
    assert not await site.passes(site.exchange("2001:db8::ffff"))


async def test_of_two_limits_each_holds_and_a_refusal_takes_from_neither() -> None:
    site = Site(limit("2/m", by="account"), limit("3/m"))
    passed = [await site.passes(site.exchange(subject="alice")) for _ in range(4)]
    assert passed == [True, True, False, False]
    assert await site.passes(site.exchange(subject="bob"))
    assert not await site.passes(site.exchange(subject="bob"))


async def test_a_flood_that_is_refused_costs_the_store_nothing() -> None:
    site = Site(limit("1/m"))
    assert await site.passed(1) == 1
    assert await site.passed(1) == 0
    asked = site.store.asked
    assert await site.passed(100) == 0
    assert site.store.asked == asked


async def test_a_limit_that_an_operator_has_cleared_opens_within_a_second() -> None:
    site = Site(limit("1/h"))
    assert await site.passed(2) == 1
    await site.store._store.remove(["route:GET /a 1/h address:192.0.2.1"])
    assert not await site.passes(site.exchange())
    assert await site.passes(site.exchange(now=NOON + SECOND))


async def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    site = Site(limit("1/m"))
    later = NOON + timedelta(days=365)
    assert [await site.passes(site.exchange(now=later)) for _ in range(2)] == [True, False]
    assert not await site.passes(site.exchange(now=NOON))
    assert await site.passes(site.exchange(now=NOON + timedelta(minutes=1)))


async def test_what_is_left_is_told() -> None:
    site = Site(limit("10/15m", by="account"), limit("20/m", by="account"))
    ex = site.exchange(subject="alice")
    assert await site.passes(ex)
    assert ex.announced == (
        (b"ratelimit-policy", b'"account";q=10;w=900'),
        (b"ratelimit", b'"account";r=9'),
        (b"ratelimit-policy", b'"account-2";q=20;w=60'),
        (b"ratelimit", b'"account-2";r=19'),
    )


async def test_two_limits_of_one_route_are_two_counters() -> None:
    site = Site(limit("2/m"), limit("3/h"))
    assert await site.passed(5) == 2
    later = NOON + timedelta(minutes=2)
    passed = [await site.passes(site.exchange(now=later)) for _ in range(2)]
    assert passed == [True, False]


async def test_who_is_refused_is_told_by_which_limit_and_for_how_long() -> None:
    site = Site(limit("1/m"))
    await site.passes(site.exchange())
    ex = site.exchange()
    assert not await site.passes(ex)
    assert site.refusals == {"request.limited"}
    assert ex.announced == (
        (b"ratelimit-policy", b'"address";q=1;w=60'),
        (b"ratelimit", b'"address";r=0;t=60'),
    )


# --------------------------------------------------------------------------- the default budgets

DEFAULT = (limit("1000/m"), limit("1000/m", by="account"))


async def test_an_ordinary_client_costs_the_store_nothing() -> None:
    site = Site(defaults=DEFAULT)
    for _ in range(5):
        ex = site.exchange(subject="alice")
        assert site.processes[0].count(ex) is None
        assert ex.announced == ()
    assert site.store.asked == 0


async def test_the_default_budget_of_an_account_is_no_strangers() -> None:
    """Else it would be an address's too, and the smaller one."""
    site = Site(defaults=[limit("1/m", by="account")])
    assert await site.passed(5) == 5
    passed = [await site.passes(site.exchange(subject="alice")) for _ in range(2)]
    assert passed == [True, False]


@pytest.mark.parametrize("processes", [1, 16])
async def test_no_default_budget_is_passed_in_sixteen_processes(processes: int) -> None:
    passed = await Site(defaults=[limit("400/m")], processes=processes).passed(600)
    assert 200 <= passed <= 400


async def test_without_a_store_a_process_goes_on_with_its_own_part_of_a_default_budget() -> None:
    site = Site(defaults=DEFAULT[:1])
    site.store.away = True
    assert await site.passed(50) == 50


async def test_without_a_store_a_declared_limit_lets_nobody_pass() -> None:
    site = Site(limit("1000/m"))
    site.store.away = True
    with pytest.raises(StoreError):
        await site.passes(site.exchange())


async def test_where_there_is_no_limit_nothing_is_counted() -> None:
    site = Site()
    assert site.processes[0].count(site.exchange()) is None
    assert site.processes[0]._budgets == {}


async def test_our_own_routes_have_budgets_of_their_own() -> None:
    site = Site(defaults=[limit("1/m")])
    site.entry = replace(site.entry, own=True)
    assert await site.passed(3) == 3


async def test_one_client_is_forgotten_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ringfence.authn.route_limits._MOST_TALLIES", 10)
    site = Site(limit("1/m"))
    for number in range(30):
        assert await site.passes(site.exchange(f"192.0.2.{number}"))
    (budget,) = site.processes[0]._budgets.values()
    assert (len(budget._tallies), len(budget._places)) == (10, 10)
    assert not await site.passes(site.exchange("192.0.2.0"))  # the store knows
