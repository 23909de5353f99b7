"""Z04: routes that somebody added to a running shop, without a thought for who may use them.

``ringfence_demo.hurried`` adds them, in every configuration alike: one by a decorator's way, one in
a router of its own, one in an application of its own.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.people import Person
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_PATHS: Final = ("/debug/orders", "/internal/orders", "/reports/orders")


class ForgottenRoute(Attack):
    """Stopped: neither a stranger nor somebody signed in learns that the route is there."""

    id = "Z04"

    async def prepare(self) -> None:
        ground = self.ground
        self.attacker, self.victim = await ground.attacker(), await ground.person()
        self.canary = ground.canary("note")
        await ground.order(self.victim, self.canary)

    async def twin(self) -> None:
        answer = await self.ground.send("GET", "/orders", person=self.victim)
        require(answer.ok and answer.holds(self.canary), f"no list of orders: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        attackers = (("a stranger", None), ("somebody", self.attacker))
        return [
            Payload(f"{path} by {who}", partial(self._reads, path, person))
            for path in _PATHS
            for who, person in attackers
        ]

    async def _reads(self, path: str, person: Person | None) -> bool:
        await self.ground.order(self.victim, self.canary)  # among the newest, however many come
        found = await self.ground.send("GET", path, person=person)
        missing = await self.ground.send("GET", path + "-missing", person=person)
        return found.holds(self.canary) or found.status != missing.status
