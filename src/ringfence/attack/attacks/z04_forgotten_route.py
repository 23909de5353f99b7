"""Z04: routes that somebody added to a running application, without a policy."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.people import Person
from ringfence.attack.places import ForgottenRoutes, Record
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class ForgottenRoute(Attack):
    """Stopped: neither a stranger nor somebody signed in learns that the route is there."""

    id = "Z04"
    control = "what was not read at the start is not served"

    async def prepare(self) -> None:
        ground = self.ground
        self.routes, self.records = ground.place(ForgottenRoutes), ground.place(Record)
        self.attacker, self.victim = await ground.attacker(), await ground.person()
        self.canary = ground.canary("note")
        await self.records.create(ground, self.victim, self.canary)

    async def twin(self) -> None:
        answer = await self.ground.send("GET", self.records.listing, person=self.victim)
        require(answer.ok and answer.holds(self.canary), f"no list of records: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        attackers = (("a stranger", None), ("somebody", self.attacker))
        return [
            Payload(f"{path} by {who}", partial(self._reads, path, person))
            for path in self.routes.paths
            for who, person in attackers
        ]

    async def _reads(self, path: str, person: Person | None) -> bool:
        await self.records.create(
            self.ground, self.victim, self.canary
        )  # among the newest, however many come
        found = await self.ground.send("GET", path, person=person)
        missing = await self.ground.send("GET", path + "-missing", person=person)
        return found.holds(self.canary) or found.status != missing.status
