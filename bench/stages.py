"""The pipeline's stages by themselves, layer by layer.

The stages of ``Layers.checks`` in their order, then the body and the answer, each called on a batch
of exchanges that have passed all stages before it, less the time of an empty stage.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import Final, TypeAlias

from bench import inside
from bench.contest import ASGIApp
from bench.measure import Effort
from ringfence import Settings, signed_in
from ringfence.authz.starlette import Routes
from ringfence.core.codes import Layer
from ringfence.core.exchange import SCOPE_KEY, Exchange, Scope
from ringfence.stack.layers import Layers, Plan
from ringfence.stack.ringfence import utc_now

Stage: TypeAlias = Callable[[Exchange], Awaitable[None] | None]

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class _Timed:
    """One stage, the layer it is counted for, and what would be done without it."""

    layer: str
    stage: Stage
    without: Stage


async def by_layer(settings: Settings, token: str, effort: Effort) -> dict[str, list[float]]:
    """CPU time of each layer, in µs for a request that must be signed in, in each round."""
    routes = Routes(inside.bare, {"GET /orders/{id}": signed_in})
    async with _opened(settings, routes) as layers:
        stages, scope = _stages(layers), partial(inside.scope, token)
        await _round(layers, stages, scope, 1)  # until caches are filled
        rounds = [
            await _round(layers, stages, scope, effort.repeats // _BATCH + 1)
            for _ in range(effort.rounds)
        ]
    return {layer: [each[layer] for each in rounds] for layer in rounds[0]}


async def checks(
    settings: Settings, app: ASGIApp, scope: Callable[[], Scope], effort: Effort
) -> list[float]:
    """CPU time of all checks before the body, in µs, in each round."""
    async with _opened(settings, Routes(app, {})) as layers:
        stages = [_Timed("checks", check, _nothing) for check in layers.checks]
        await _round(layers, stages, scope, 1)
        return [
            (await _round(layers, stages, scope, effort.repeats // _BATCH + 1))["checks"]
            for _ in range(effort.rounds)
        ]


@asynccontextmanager
async def _opened(settings: Settings, routes: Routes) -> AsyncGenerator[Layers]:
    """The layers, with their table built; the process is not frozen."""
    layers = await Plan(routes=routes, loaders={}, clock=utc_now).open(settings)
    layers.authz.build()
    try:
        yield layers
    finally:
        await layers.close()


def _stages(layers: Layers) -> list[_Timed]:
    async def body(exchange: Exchange) -> None:
        await layers.boundary.read_body(exchange, inside.receive)

    async def end(exchange: Exchange) -> None:
        for close in exchange.closing:
            await close()

    async def answer(exchange: Exchange) -> None:
        send = layers.output.guard(exchange, inside.drop)
        layers.output.before(exchange)
        await inside.bare(exchange.scope, inside.receive, send)
        await send.finish()

    async def answer_bare(exchange: Exchange) -> None:
        await inside.bare(exchange.scope, inside.receive, inside.drop)

    admit, check_head, route, identify, authorize = layers.checks
    return [
        _Timed(Layer.NETWORK, admit, _nothing),
        _Timed(Layer.BOUNDARY, check_head, _nothing),
        _Timed(Layer.AUTHZ, route, _nothing),
        _Timed(Layer.AUTHN, identify, _nothing),
        _Timed(Layer.AUTHZ, authorize, _nothing),
        _Timed(Layer.BOUNDARY, body, _nothing_async),
        _Timed(Layer.OUTPUT, answer, answer_bare),
        _Timed(Layer.BOUNDARY, end, _nothing_async),
    ]


async def _round(
    layers: Layers, stages: list[_Timed], scope: Callable[[], Scope], batches: int
) -> dict[str, float]:
    spent = dict.fromkeys((stage.layer for stage in stages), 0.0)
    for _ in range(batches):
        exchanges = [_exchange(layers, scope()) for _ in range(_BATCH)]
        for timed in stages:
            without = await _seconds(timed.without, exchanges)
            spent[timed.layer] += await _seconds(timed.stage, exchanges) - without
    return {layer: seconds / (batches * _BATCH) * 1e6 for layer, seconds in spent.items()}


async def _seconds(stage: Stage, exchanges: list[Exchange]) -> float:
    started = time.process_time()
    for exchange in exchanges:
        wait = stage(exchange)
        if wait is not None:
            await wait
    return time.process_time() - started


def _exchange(layers: Layers, scope: Scope) -> Exchange:
    exchange = Exchange(
        scope,
        request_id=token_hex(12),
        now=utc_now(),
        off=frozenset(),
        sink=layers.monitor,
    )
    scope[SCOPE_KEY] = exchange
    return exchange


def _nothing(_exchange: Exchange) -> None:
    """An empty stage."""


async def _nothing_async(_exchange: Exchange) -> None:
    """An empty stage that is a coroutine."""
