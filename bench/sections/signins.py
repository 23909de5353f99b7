"""(c) Sign-ins a second, beside fastapi-users.

Each connection is a person with an address of its own, so that no limit refuses anybody: Ringfence
takes three budgets before it compares and gives them back after a success; slowapi counts one more
request. Both keep their accounts in SQLite; Ringfence also writes a session and its counters, and
answers after they are on the disk, fastapi-users writes nothing.

Where the browser sends ``client_key``, the Argon2id was computed by the browser: that is the point
of it, and the reason for the ratio. Where the password is sent, both servers compute Argon2id with
64 MiB, three passes and four lanes.
"""

from contextlib import ExitStack
from functools import partial
from typing import Final

from bench.cores import loading, pinned
from bench.load import Load
from bench.measure import Effort, Line, Section, interleaved, ratios
from bench.server import Server

NAME: Final = "sign-ins"
_TITLE: Final = "sign-ins a second, one core"
#: Ringfence hashes for two strangers at once; a third would wait, two seconds and no longer.
_CONNECTIONS: Final = {"guarded_signin": 16, "guarded_password": 2, "usual_signin": 2}
_SLOW: Final = 2  # times as long as other measurements: a sign-in takes a tenth of a second


def measure(effort: Effort) -> Section:
    """By the client's key, by the password, and fastapi-users."""
    with ExitStack() as stack:
        loads: dict[str, Load] = {}
        for name, people in _CONNECTIONS.items():
            server = stack.enter_context(Server(name, people=people))
            loads[name] = stack.enter_context(Load(server, server.requests))
        stack.enter_context(pinned(loading()))
        for load in loads.values():
            load.run(effort.seconds / 4)
        turns = {name: partial(load.run, effort.seconds * _SLOW) for name, load in loads.items()}
        found = interleaved(effort.rounds, turns)
    rates = {name: [turn.per_second for turn in turns] for name, turns in found.items()}
    usual = rates["usual_signin"]
    return Section(
        name=NAME,
        title=_TITLE,
        lines=(
            Line(
                what="Ringfence, client_key / fastapi-users, password",
                rounds=ratios(rates["guarded_signin"], usual),
            ),
            Line(
                what="Ringfence, password / fastapi-users, password",
                rounds=ratios(rates["guarded_password"], usual),
            ),
            *(
                Line(what=f"  {words}", rounds=tuple(rates[name]), unit="/s")
                for name, words in (
                    ("guarded_signin", "Ringfence, client_key"),
                    ("guarded_password", "Ringfence, password"),
                    ("usual_signin", "fastapi-users, password"),
                )
            ),
        ),
        remarks=(
            "client_key: the browser has computed the Argon2id; password: the server does",
            "Ringfence also writes a session and its counters to the disk before it answers",
        ),
    )
