"""I12: fields that nobody asked for, copied onto the row."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from ringfence.attack.answer import Answer
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class MassAssignment(Attack):
    """Stopped: the row, read again by its owner, holds nothing that only the shop may set."""

    id = "I12"

    async def prepare(self) -> None:
        ground = self.ground
        self.attacker, self.victim = await ground.attacker(), await ground.person()
        self.order: dict[str, Any] = await ground.order(self.attacker)

    async def twin(self) -> None:
        changed = await self._put({"quantity": 3, "note": "ring twice"})
        require(changed.ok and changed.json()["quantity"] == 3, "no change")  # noqa: PLR2004  # as asked

    def payloads(self) -> Sequence[Payload]:
        fields = {"total": 1, "price": 0, "status": "shipped", "created_at": "1999-01-01"}
        return [
            *(
                Payload(f"{name} by PUT", partial(self._sets, name, v))
                for name, v in fields.items()
            ),
            Payload("total by POST", self._buys_for_nothing),
            Payload("user_id by POST", self._plants),
        ]

    async def _sets(self, name: str, value: object) -> bool:
        await self._put({"note": "please", name: value})
        found = await self.ground.send("GET", self._path, person=self.attacker)
        return found.ok and found.json()[name] == value

    async def _buys_for_nothing(self) -> bool:
        wanted = {"item": "Honey jar", "quantity": 1, "total": 0}
        answer = await self.ground.send("POST", "/orders", person=self.attacker, json=wanted)
        return answer.ok and answer.json()["total"] == 0

    async def _plants(self) -> bool:
        canary = self.ground.canary("planted")
        wanted = {"item": canary, "user_id": self.victim.subject}
        await self.ground.send("POST", "/orders", person=self.attacker, json=wanted)
        return (await self.ground.send("GET", "/orders", person=self.victim)).holds(canary)

    async def _put(self, fields: object) -> Answer:
        return await self.ground.send("PUT", self._path, person=self.attacker, json=fields)

    @property
    def _path(self) -> str:
        return f"/orders/{self.order['id']}"
