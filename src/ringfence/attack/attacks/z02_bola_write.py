"""Z02: change and delete what belongs to somebody else."""

from collections.abc import Sequence

from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class BolaWrite(Attack):
    """Stopped: the owner finds the order as it was."""

    id = "Z02"

    async def prepare(self) -> None:
        ground = self.ground
        self.victim, self.attacker = await ground.person(), await ground.attacker()
        self.canary = ground.canary("note")

    async def twin(self) -> None:
        path = await self._order()
        changed = await self.ground.send("PUT", path, person=self.victim, json={"quantity": 5})
        require(changed.ok, f"the owner cannot change an order: {changed.status}")
        deleted = await self.ground.send("DELETE", path, person=self.victim)
        require(deleted.ok, f"the owner cannot delete an order: {deleted.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload("PUT of an order", self._changes),
            Payload("DELETE of an order", self._deletes),
            Payload("DELETE of a session", self._signs_out),
        ]

    async def _changes(self) -> bool:
        path, forged = await self._order(), self.ground.canary("forged")
        await self.ground.send("PUT", path, person=self.attacker, json={"note": forged})
        found = await self.ground.send("GET", path, person=self.victim)
        require(found.ok, f"the owner cannot read the order any more: {found.status}")
        return found.holds(forged) or not found.holds(self.canary)

    async def _deletes(self) -> bool:
        path = await self._order()
        await self.ground.send("DELETE", path, person=self.attacker)
        return not await self.ground.is_there(path, self.victim)

    async def _signs_out(self) -> bool:
        session = await self.ground.again(self.victim)
        listed = (await self.ground.send("GET", "/auth/sessions", person=session)).json()
        (own,) = [each["id"] for each in listed["items"] if each["current"]]
        await self.ground.send("DELETE", f"/auth/sessions/{own}", person=self.attacker)
        return not await self.ground.can_renew(session.refresh)

    async def _order(self) -> str:
        order = await self.ground.order(self.victim, self.canary)
        return f"/orders/{order['id']}"
