"""Z06: a right that was taken away, used with a token that was made before."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.places import Handover, Privilege, Record
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

ROLES: Final = "a token with older roles is dead"
OWNER: Final = "the owner is read anew for each request"


class StalePrivilege(Attack):
    """Stopped: the next request of whoever lost a role, or gave an object away, is refused."""

    id = "Z06"

    async def prepare(self) -> None:
        ground = self.ground
        self.privilege, self.records = ground.place(Privilege), ground.place(Record)
        self.handover = ground.offered(Handover)
        self.somebody, self.heir, self.other = [await ground.person() for _ in range(3)]

    async def twin(self) -> None:
        person = await self.privilege.give(self.ground, self.somebody)
        require(
            await self.privilege.may(self.ground, person, self.other), "a new role is worth nothing"
        )
        await self.privilege.take(self.ground, person)
        if self.handover is not None:
            owner = await self.ground.again(self.somebody)
            record = await self.records.create(self.ground, owner, "mine")
            await self.handover.give(self.ground, owner, record, self.heir)
            require(await self.ground.is_there(record.path, self.heir), "the heir finds nothing")

    def payloads(self) -> Sequence[Payload]:
        payloads = [Payload("a role that was taken away", self._uses_the_role, ROLES)]
        if self.handover is not None:
            reading = partial(self._reads_on, self.handover)
            payloads.append(Payload("an object that was given away", reading, OWNER))
        return payloads

    async def _uses_the_role(self) -> bool:
        person = await self.privilege.give(self.ground, self.somebody)
        require(
            await self.privilege.may(self.ground, person, self.other), "a new role is worth nothing"
        )
        await self.privilege.take(self.ground, person)
        return await self.privilege.may(self.ground, person, self.other)

    async def _reads_on(self, handover: Handover) -> bool:
        owner, canary = await self.ground.again(self.somebody), self.ground.canary("note")
        record = await self.records.create(self.ground, owner, canary)
        require(await self.ground.is_there(record.path, owner), "the owner finds nothing")
        await handover.give(self.ground, owner, record, self.heir)
        return (await self.ground.send("GET", record.path, person=owner)).holds(canary)
