"""How the shop is started to be attacked: a process of its own, on a free port."""

import contextlib
import json
import secrets
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from ringfence.attack import client_key
from ringfence.attack.client import Client
from ringfence.attack.ground import Ground
from ringfence.attack.honest import flows
from ringfence.attack.mailbox import Mailbox
from ringfence.attack.people import Account, People, Person
from ringfence.attack.process import process
from ringfence.attack.relay import relay
from ringfence.attack.site import Site
from ringfence.attack.target import Check, Start
from ringfence_demo.seed import PEOPLE
from ringfence_demo.target.places import PLACES
from ringfence_demo.target.plain import PLAIN
from ringfence_demo.target.visitor import READS, Visitor

_MODULE: Final = "ringfence_demo.attacked"
_PREPARED: Final = 64  # more than all attacks together need


class Shop:
    """The demo shop, as a target."""

    title = "the demo shop"
    databases = ("sqlite", "postgres")

    def checks(self, ground: Ground, person: Person) -> Sequence[Check]:
        """Honest uses of each of the shop's routes."""
        reads = [read.check(ground, person) for read in READS]
        return [*reads, *flows(*Visitor(ground, person).flows())]

    @contextlib.asynccontextmanager
    async def running(self, start: Start) -> AsyncGenerator[Site]:
        """Start a shop in a folder of its own; it ends with the block.

        Raises:
            ConfigurationError: It did not start; with what it said.
        """
        folder = start.place / start.configuration.name
        folder.mkdir(mode=0o711)
        data, log, traces = folder / "data", folder / "events.jsonl", folder / "traces.jsonl"
        mail, key = data / "mail", secrets.token_hex(16)
        known = {each.login: _account(each.login) for each in PEOPLE}
        prepared = [_account(f"p{secrets.token_hex(6)}@example.net") for _ in range(_PREPARED)]
        people, clock = folder / "people.json", folder / "clock"
        people.write_text(json.dumps({a.login: a.key for a in (*known.values(), *prepared)}))
        words = ["--port", "0", "--data", str(data), "--traces", str(traces)]
        words += ["--database", start.database, "--people", str(people)]
        words += ["--clock", str(clock)]
        words += ["--reachable", f"127.0.0.1:{start.around.friend.port}"]
        words += ["--off", ",".join(sorted(start.configuration.off))]
        words += [word for port in start.around.ports for word in ("--open", str(port))]
        async with contextlib.AsyncExitStack() as stack:
            metrics = _nowhere_else()
            settings = {
                "RINGFENCE_LOG": str(log),
                "RINGFENCE_ACCESS_LOG": "on",
                "RINGFENCE_METRICS": f"{metrics[0]}:{metrics[1]}",
            }
            if start.configuration.production:
                mail = folder / "relayed"
                settings |= await stack.enter_async_context(relay(mail))
            origin = await stack.enter_async_context(process(_MODULE, words, settings, key=key))
            # In production TLS ends in front of the shop.
            client = Client("http://" + origin.partition("://")[2], key)
            stack.push_async_callback(client.close)
            people.unlink()  # what an attack finds, it finds elsewhere
            yield Site(
                configuration=start.configuration,
                origin=origin,
                folder=data,
                log=log,
                requests=data / "requests.log",
                access=True,
                metrics=metrics,
                traces=traces,
                clock=clock,
                database=start.database,
                places=PLACES,
                plain=PLAIN,
                client=client,
                people=People(client, Mailbox(mail), origin, known, prepared),
                around=start.around,
            )


def _nowhere_else() -> tuple[str, int]:
    """An address of this machine for one shop's metrics; attacks come from no such address."""
    return f"127.210.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}", 9464


def _account(login: str) -> Account:
    """Nobody knows its password: what a browser would make of one is enough to sign in."""
    return Account(login=login, password="", key=client_key.guess(), address="")
