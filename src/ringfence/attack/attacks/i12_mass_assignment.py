"""I12: fields that nobody asked for, copied onto the row."""

from collections.abc import Mapping, Sequence
from functools import partial

from ringfence.attack.answer import Answer
from ringfence.attack.places import Fields, Record
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class MassAssignment(Attack):
    """Stopped: the row, read again by its owner, holds nothing that is not the user's to set."""

    id = "I12"
    control = "a body holds the declared fields only"

    async def prepare(self) -> None:
        ground = self.ground
        self.fields, self.records = ground.place(Fields), ground.place(Record)
        self.attacker, self.victim = await ground.attacker(), await ground.person()
        self.own = await self.records.create(ground, self.attacker, ground.canary("own"))

    async def twin(self) -> None:
        changed = await self._change(self.fields.honest)
        require(changed.ok, f"a record cannot be changed: {changed.status}")
        found = await self._read()
        for name, value in self.fields.honest.items():
            require(found.json()[name] == value, f"{name} is not what it was changed to")

    def payloads(self) -> Sequence[Payload]:
        fields = self.fields.protected.items()
        return [
            *(Payload(f"{name} by a change", partial(self._sets, name, v)) for name, v in fields),
            Payload(f"{self.fields.computed[0]} of a new one", self._makes_for_nothing),
            Payload(f"{self.fields.owner} of a new one", self._plants),
        ]

    async def _sets(self, name: str, value: object) -> bool:
        await self._change({**self.fields.honest, name: value})
        found = await self._read()
        return found.ok and found.json()[name] == value

    async def _makes_for_nothing(self) -> bool:
        name, value = self.fields.computed
        canary = self.ground.canary("free")
        answer = await self.fields.create(self.ground, self.attacker, canary, {name: value})
        return answer.ok and answer.json()[name] == value

    async def _plants(self) -> bool:
        canary = self.ground.canary("planted")
        owner = {self.fields.owner: self.victim.subject}
        await self.fields.create(self.ground, self.attacker, canary, owner)
        found = await self.ground.send("GET", self.records.listing, person=self.victim)
        return found.holds(canary)

    async def _change(self, fields: Mapping[str, object]) -> Answer:
        return await self.fields.change(self.ground, self.attacker, self.own, fields)

    async def _read(self) -> Answer:
        return await self.ground.send("GET", self.own.path, person=self.attacker)
