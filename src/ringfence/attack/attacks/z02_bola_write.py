"""Z02: change and delete what belongs to somebody else."""

from collections.abc import Sequence
from typing import Final

from ringfence.attack.places import Record, Thing
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

SESSIONS: Final = "a session is ended by its account"


class BolaWrite(Attack):
    """Stopped: the owner finds the record as it was."""

    id = "Z02"
    control = "ownership is judged"

    async def prepare(self) -> None:
        ground = self.ground
        self.records = ground.place(Record)
        self.victim, self.attacker = await ground.person(), await ground.attacker()
        self.canary = ground.canary("note")

    async def twin(self) -> None:
        thing, new = await self._record(), self.ground.canary("new")
        changed = await self.records.change(self.ground, self.victim, thing, new)
        require(changed.ok, f"the owner cannot change a record: {changed.status}")
        deleted = await self.ground.send("DELETE", thing.path, person=self.victim)
        require(deleted.ok, f"the owner cannot delete a record: {deleted.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload(f"change of {self.records.name}", self._changes),
            Payload(f"DELETE of {self.records.name}", self._deletes),
            Payload("DELETE of a session", self._signs_out, SESSIONS),
        ]

    async def _changes(self) -> bool:
        thing, forged = await self._record(), self.ground.canary("forged")
        await self.records.change(self.ground, self.attacker, thing, forged)
        found = await self.ground.send("GET", thing.path, person=self.victim)
        require(found.ok, f"the owner cannot read the record any more: {found.status}")
        return found.holds(forged) or not found.holds(self.canary)

    async def _deletes(self) -> bool:
        thing = await self._record()
        await self.ground.send("DELETE", thing.path, person=self.attacker)
        return not await self.ground.is_there(thing.path, self.victim)

    async def _signs_out(self) -> bool:
        session = await self.ground.again(self.victim)
        listed = (await self.ground.send("GET", "/auth/sessions", person=session)).json()
        (own,) = [each["id"] for each in listed["items"] if each["current"]]
        await self.ground.send("DELETE", f"/auth/sessions/{own}", person=self.attacker)
        return not await self.ground.can_renew(session.refresh)

    async def _record(self) -> Thing:
        return await self.records.create(self.ground, self.victim, self.canary)
