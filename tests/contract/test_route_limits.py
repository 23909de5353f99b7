"""A limit on a route is exact on every adapter, whatever several processes ask at once."""

import asyncio

import pytest

from ringfence.authn.route_limits import RouteLimits
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.core.limit import limit
from ringfence.core.policy import public
from ringfence.core.route import Entry
from tests.contract.stores import NOW, Rig, opened
from tests.unit.authn.flows import Collector


async def passes(limits: RouteLimits, entry: Entry) -> bool:
    ex = Exchange({"type": "http"}, request_id="id", now=NOW, sink=Collector())
    ex.client, ex.entry = "192.0.2.1", entry
    try:
        wait = limits.count(ex)
        if wait is not None:
            await wait
    except Refused as refused:
        return refused.code.name != "request.limited"
    return True


@pytest.mark.parametrize(("rate", "least", "most"), [("10/m", 10, 10), ("100/m", 96, 100)])
async def test_two_processes_let_no_more_through_than_the_limit(
    rig: Rig, rate: str, least: int, most: int
) -> None:
    """Ledger 22. Above 60, what one process holds the other one cannot spend."""
    entry = Entry(pattern="/a", policy=public, limits=(("GET /a", limit(rate)),))
    async with opened(rig.url) as others:
        stores = [rig.stores, rig.stores if rig.kind == "memory" else others]
        both = [RouteLimits(each.counters) for each in stores]
        passed = await asyncio.gather(*(passes(both[n % 2], entry) for n in range(150)))
    assert least <= sum(passed) <= most
