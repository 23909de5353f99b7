"""H06: one method on the wire, another one in a header, so that a link deletes something."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_DELETE: Final = [("X-HTTP-Method-Override", "DELETE")]


class MethodTampering(Attack):
    """Stopped: the order is still there, and so is the account."""

    id = "H06"

    async def prepare(self) -> None:
        ground = self.ground
        self.owner, self.victim = await ground.person(), await ground.person()

    async def twin(self) -> None:
        order = await self.ground.order(self.owner)
        path = f"/orders/{order['id']}"
        gone = await self.ground.send("DELETE", path, person=self.owner)
        require(gone.ok, f"an order cannot be deleted: {gone.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload("GET with a header", partial(self._deletes, "GET", "", _DELETE)),
            Payload("GET with a parameter", partial(self._deletes, "GET", "?_method=DELETE", [])),
            Payload("PUT with a header", partial(self._deletes, "PUT", "", _DELETE)),
            Payload("GET of an account", self._closes),
        ]

    async def _deletes(self, method: str, query: str, headers: list[tuple[str, str]]) -> bool:
        path = f"/orders/{(await self.ground.order(self.owner))['id']}"
        change = {"quantity": 1} if method == "PUT" else None
        target = path + query
        await self.ground.send(method, target, person=self.owner, headers=headers, json=change)
        return not await self.ground.is_there(path, self.owner)

    async def _closes(self) -> bool:
        path = f"/users/{self.victim.subject}"
        await self.ground.send("GET", path, person=self.owner, headers=_DELETE)
        return not await self.ground.can_sign_in(self.victim)
