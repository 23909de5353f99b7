"""(a) ``GET /orders/{id}`` with ownership, over HTTP, beside the bare route and the usual stack."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

from bench.contest import Query
from bench.cores import loading, pinned
from bench.load import BUSY, Load, Measured
from bench.measure import Effort, Goal, Line, Section, interleaved, ratios
from bench.server import Server

NAME: Final = "orders"
_TITLE: Final = "GET /orders/{id} with ownership, FastAPI on SQLite; requests a second, one core"

_CONNECTIONS: Final = 16
_CONTESTANTS: Final = ("raw", "bare", "guarded", "usual", "usual_asgi")
_QUERIES: Final[Mapping[Query, str]] = {
    "sqlite3": "sqlite3",
    "sqlalchemy": "SQLAlchemy async",
}

_TO_BARE: Final = Goal("at least", 0.6)
_TO_USUAL: Final = Goal("at least", 6)


def measure(effort: Effort) -> Section:
    """Both ways to fetch the order."""
    lines: list[Line] = []
    busiest = 0.0
    for query, words in _QUERIES.items():
        found = _turns(query, effort)
        lines += _lines(found, words)
        busiest = max(busiest, *(turn.busy for turn in found["raw"]))
    remarks = [f"for the raw application the load kept its core busy for {busiest:.0%}"]
    if busiest > BUSY:
        remarks.append("so busy that it held the server up: trust the lines by CPU")
    return Section(name=NAME, title=_TITLE, lines=tuple(lines), remarks=tuple(remarks))


def _turns(query: Query, effort: Effort) -> dict[str, list[Measured]]:
    with ExitStack() as stack:
        loads: dict[str, Load] = {}
        for name in _CONTESTANTS:
            server = stack.enter_context(Server(name, query=query, people=_CONNECTIONS))
            loads[name] = stack.enter_context(Load(server, server.requests))
        stack.enter_context(pinned(loading()))
        for load in loads.values():
            load.run(effort.seconds / 4)  # until caches are filled
        turns = {name: partial(load.run, effort.seconds) for name, load in loads.items()}
        return interleaved(effort.rounds, turns)


def _lines(found: Mapping[str, Sequence[Measured]], words: str) -> list[Line]:
    rates = {name: [turn.per_second for turn in turns] for name, turns in found.items()}
    cpu = {name: [turn.server_cpu for turn in turns] for name, turns in found.items()}

    def by_rate(one: str, other: str) -> tuple[float, ...]:
        return ratios(rates[one], rates[other])

    def by_cpu(one: str, other: str) -> tuple[float, ...]:
        return ratios(cpu[other], cpu[one])

    return [
        Line(what=f"Ringfence / bare, {words}", rounds=by_rate("guarded", "bare"), goal=_TO_BARE),
        Line(what="  by the server's CPU", rounds=by_cpu("guarded", "bare"), goal=_TO_BARE),
        Line(
            what=f"Ringfence / usual stack, {words}",
            rounds=by_rate("guarded", "usual"),
            goal=_TO_USUAL,
        ),
        Line(what="  by the server's CPU", rounds=by_cpu("guarded", "usual"), goal=_TO_USUAL),
        Line(what="  its limiter as pure ASGI", rounds=by_cpu("guarded", "usual_asgi")),
        Line(what="  the most there is: bare / usual stack", rounds=by_cpu("bare", "usual")),
        Line(what="raw ASGI / Ringfence, by CPU", rounds=by_cpu("raw", "guarded")),
    ]
