"""(b) What the pipeline adds to one authenticated request, in the process, without a server.

Two measurements. The **whole**: the guarded application and the bare one, called in turns with the
same request; the difference is what Ringfence adds. The **parts**: the stages of each layer by
themselves, on exchanges that have come so far, less an empty stage. What the parts leave of the
whole is the frame around them: the exchange, the request's id, the clock, the coroutines.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench import inside
from bench.contest import ASGIApp
from bench.cores import pinned, serving
from bench.measure import Effort, Goal, Line, Section, differences
from bench.stages import parts
from ringfence import owner, signed_in
from ringfence.core.policy import Policy

NAME: Final = "pipeline"
_TITLE: Final = "the pipeline alone, raw ASGI in the process; CPU added to a request"
_WHOLE: Final = Goal("at most", 20)
_STORES: Final = ("memory", "SQLite")


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
    """Both stores; the parts where they differ."""
    with pinned(serving()):
        return asyncio.run(_measure(effort))


async def _measure(effort: Effort) -> Section:
    lines: list[Line] = []
    for store in _STORES:
        with TemporaryDirectory(prefix="ringfence-bench-") as folder:
            database = "memory:" if store == "memory" else f"sqlite:///{folder}/ringfence.sqlite"
            settings = inside.settings(Path(folder), database=database)
            whole = await _added(settings, signed_in, effort)
            loaded = await _added(settings, owner(Order), effort)
            by_layer = await parts(settings, signed_in, effort)
        lines.append(Line(what=f"all layers, {store}", rounds=whole, unit="µs", goal=_WHOLE))
        lines += [
            Line(what=f"  {layer}", rounds=tuple(rounds), unit="µs")
            for layer, rounds in by_layer.items()
        ]
        summed = [sum(each) for each in zip(*by_layer.values(), strict=True)]
        lines.append(Line(what="  the frame", rounds=differences(whole, summed), unit="µs"))
        lines.append(Line(what="  with owner(): loader at hand", rounds=loaded, unit="µs"))
    return Section(name=NAME, title=_TITLE, lines=tuple(lines))


async def _added(settings: inside.Settings, policy: Policy, effort: Effort) -> tuple[float, ...]:
    """Guarded less bare, in each round."""
    resources = {Order: AtHand(Order())}
    token = inside.token(settings)
    async with inside.guarded(settings, {"GET /orders/{id}": policy}, resources) as app:
        ...
