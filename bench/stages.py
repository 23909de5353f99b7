"""The pipeline's stages, layer by layer, where they happen.

One request after the other goes through the stages of ``Layers.checks`` in their order, then the
body, the application and its answer, with a look at the clock in between. One stage a thousand
times in a row would find everything in the processor's caches, as no pipeline ever does, and come
to half of the truth. The median over all requests leaves out whatever interrupted one of them.
"""

import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from secrets import token_hex
from typing import Final, TypeAlias

from bench import inside
from bench.contest import ASGIApp
from bench.known import open_known
from bench.measure import Effort
from ringfence import Settings, signed_in
from ringfence.authz.starlette import Routes
from ringfence.core.codes import Layer
from ringfence.core.exchange import SCOPE_KEY, Exchange, Scope
from ringfence.stack.layers import Layers, Plan
from ringfence.stack.ringfence import utc_now

#: What is done, and under which name its time is counted.
Stage: TypeAlias = tuple[str, Callable[[Exchange], Awaitable[None] | None]]

#: The application itself: counted apart, and left out.
_BARE: Final = "bare"


async def by_layer(settings: Settings, token: str, effort: Effort) -> dict[str, list[float]]:
    """The time of each layer, in µs for a request that must be signed in, in each round."""
    routes = Routes(inside.bare, {"GET /orders/{id}": signed_in})
    async with _opened(settings, routes) as layers:
        rounds = await _rounds(layers, _stages(layers), partial(inside.scope, token), effort)
    for each in rounds:
        each[Layer.OUTPUT] -= each.pop(_BARE)
    return {layer: [each[layer] for each in rounds] for layer in rounds[0]}


async def checks(
    settings: Settings, app: ASGIApp, scope: Callable[[], Scope], effort: Effort
) -> list[float]:
    """The time of all checks before the body, in µs, in each round."""
    async with _opened(settings, Routes(app, {})) as layers:
        stages: list[Stage] = [("checks", check) for check in layers.checks]
        return [each["checks"] for each in await _rounds(layers, stages, scope, effort)]


@asynccontextmanager
async def _opened(settings: Settings, routes: Routes) -> AsyncGenerator[Layers]:
    """The layers, with their table built; the process is not frozen."""
    stores = open_known(settings)
    plan = Plan(routes=routes, finders={}, clock=utc_now, stores=stores)
    layers = await plan.open(settings)
    layers.authz.build()
    try:
        yield layers
    finally:
        await layers.close()


def _stages(layers: Layers) -> list[Stage]:
    async def body(exchange: Exchange) -> None:
        await layers.boundary.read_body(exchange, inside.receive)

    async def answer(exchange: Exchange) -> None:
        send = layers.output.guard(exchange, inside.drop)
        layers.output.before(exchange)
        await inside.bare(exchange.scope, inside.receive, send)

    async def answer_bare(exchange: Exchange) -> None:
        await inside.bare(exchange.scope, inside.receive, inside.drop)

    admit, check_head, route, identify, count, authorize = layers.checks
    return [
        (Layer.NETWORK, admit),
        (Layer.BOUNDARY, check_head),
        (Layer.AUTHZ, route),
        (Layer.AUTHN, identify),
        (Layer.AUTHN, count),
        (Layer.AUTHZ, authorize),
        (Layer.BOUNDARY, body),
        (Layer.OUTPUT, answer),
        (_BARE, answer_bare),
    ]


async def _rounds(
    layers: Layers, stages: Sequence[Stage], scope: Callable[[], Scope], effort: Effort
) -> list[dict[str, float]]:
    await _pass(layers, stages, scope, effort.repeats // 10)  # until caches are filled
    return [await _pass(layers, stages, scope, effort.repeats) for _ in range(effort.rounds)]


async def _pass(
    layers: Layers, stages: Sequence[Stage], scope: Callable[[], Scope], repeats: int
) -> dict[str, float]:
    """The median of each stage, less that of an empty one, summed by name."""
    clock = time.perf_counter_ns
    spent: list[list[int]] = [[] for _ in (*stages, "empty")]
    for _ in range(repeats):
        exchange = _exchange(layers, scope())
        at = [clock()]
        for _, stage in stages:
            wait = stage(exchange)
            if wait is not None:
                await wait
            at.append(clock())
        if (wait := _empty(exchange)) is not None:
            await wait
        at.append(clock())
        for times, since, until in zip(spent, at, at[1:], strict=False):
            times.append(until - since)
    *medians, empty = map(statistics.median, spent)
    found = dict.fromkeys((name for name, _ in stages), 0.0)
    for (name, _), median in zip(stages, medians, strict=True):
        found[name] += (median - empty) / 1_000
    return found


def _exchange(layers: Layers, scope: Scope) -> Exchange:
    exchange = Exchange(scope, request_id=token_hex(12), now=utc_now(), sink=layers.monitoring)
    scope[SCOPE_KEY] = exchange
    return exchange


def _empty(_exchange: Exchange) -> Awaitable[None] | None:
    """An empty stage."""
