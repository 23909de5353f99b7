"""The pipeline's stages by themselves, layer by layer.

The stages of ``Layers.checks`` in their order, then the body and the answer, each called on a batch
of exchanges that have passed all stages before it, less the time of an empty stage.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Final, TypeAlias

from bench import inside
from bench.measure import Effort
from ringfence import Settings
from ringfence.authz.starlette import Routes
from ringfence.core.codes import Layer
from ringfence.core.exchange import SCOPE_KEY, Exchange
from ringfence.core.policy import Policy
from ringfence.stack.layers import Layers, Plan

Stage: TypeAlias = Callable[[Exchange], Awaitable[None] | None]

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class _Timed:
    """One stage, the layer it is counted for, and what would be done without it."""

    layer: str
    stage: Stage
    without: Stage


async def by_layer(
    settings: Settings, policies: Mapping[str, Policy], token: str, effort: Effort
) -> dict[str, list[float]]:
    """CPU time of each layer, in µs a request, in each round."""
    plan = Plan(routes=Routes(inside.bare, policies), loaders={}, clock=lambda: datetime.now(UTC))
    layers = await plan.open(settings)
    try:
        layers.authz.build()
        stages = _stages(layers)
        await _round(layers, stages, token, 1)  # until caches are filled
        found: dict[str, list[float]] = {stage.layer: [] for stage in stages}
        for _ in range(effort.rounds):
            batches = max(1, effort.repeats // _BATCH)
            for layer, value in (await _round(layers, stages, token, batches)).items():
                found[layer].append(value)
        return found
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
