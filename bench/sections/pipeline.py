"""(b) What the pipeline adds to one authenticated request, in the process, without a server.

Two measurements. The **whole**: the guarded application and the bare one, called in turns with the
same request; the difference is what Ringfence adds. The **parts**: the time that each layer takes
of it (``stages``). What they leave of the whole is the frame around them: the exchange, the
request's id, the clock, the coroutines.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import inside, stages
from bench.contest import ASGIApp
from bench.cores import pinned, serving
from bench.measure import Effort, Goal, Line, Section, differences, interleaved
from ringfence import Settings, owner, signed_in

NAME: Final = "pipeline"
_TITLE: Final = "the pipeline alone, on a raw ASGI application; CPU added to a request"
_GOAL: Final = Goal("at most", 20)

_DATABASES: Final = {"memory": "memory:", "SQLite": "sqlite:///{}/ringfence.sqlite"}


class Order:
    """What ``owner()`` is asked about."""


@dataclass(frozen=True, slots=True)
class AtHand:
    """A loader that costs nothing: what is measured is the way to it and back."""

    order: Order

    async def load(self, key: str) -> Order:  # noqa: ARG002  # there is one only
        """The one order."""
        return self.order

    def owner(self, value: object) -> str:  # noqa: ARG002  # as above
        """Whoever asks."""
        return inside.SUBJECT


def measure(effort: Effort) -> Section:
    """With the stores in memory, and in SQLite."""
    lines: list[Line] = []
    with pinned(serving()), asyncio.Runner() as runner:
        for store, database in _DATABASES.items():
            with TemporaryDirectory(prefix="ringfence-bench-") as folder:
                settings = inside.settings(Path(folder), database=database.format(folder))
                lines += _lines(runner, settings, store, effort)
        hmac = inside.hmac_microseconds(effort.repeats)
    remark = f"an HMAC-SHA-256 takes {hmac:.1f} µs here; where the goal was set it took 1.5"
    return Section(name=NAME, title=_TITLE, lines=tuple(lines), remarks=(remark,))


def _lines(runner: asyncio.Runner, settings: Settings, store: str, effort: Effort) -> list[Line]:
    policies = {"GET /orders/{id}": signed_in, "GET /own/{id}": owner(Order)}
    token = inside.token(settings)

    def run(app: ASGIApp, path: str, repeats: int = effort.repeats) -> float:
        # The scope is made anew each time: the pipeline writes into it.
        requests = (inside.scope(token, path) for _ in repeat(None, repeats))
        return runner.run(inside.microseconds(app, requests))

    with inside.guarded(runner, settings, policies, {Order: AtHand(Order())}) as app:
        run(app, "/own/17", effort.repeats // 10)  # until caches are filled
        found = interleaved(
            effort.rounds,
            {
                "bare": partial(run, inside.bare, "/orders/17"),
                "signed_in": partial(run, app, "/orders/17"),
                "owner": partial(run, app, "/own/17"),
            },
        )
    layers = runner.run(stages.by_layer(settings, token, effort))
    whole = differences(found["signed_in"], found["bare"])
    summed = [sum(each) for each in zip(*layers.values(), strict=True)]
    return [
        Line(what=f"all layers, stores in {store}", rounds=whole, unit="µs", goal=_GOAL),
        *(Line(what=f"  {name}", rounds=tuple(r), unit="µs") for name, r in layers.items()),
        Line(what="  the frame around them", rounds=differences(whole, summed), unit="µs"),
        Line(
            what="more with owner(), the object being at hand",
            rounds=differences(found["owner"], found["signed_in"]),
            unit="µs",
        ),
    ]
