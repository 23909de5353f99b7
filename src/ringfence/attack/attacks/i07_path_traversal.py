"""I07: out of a folder, to read a file or to write one."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import query
from ringfence.attack.ground import picture
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_CONTRACT: Final = "canary-file-contract"


class PathTraversal(Attack):
    """Stopped: no file of another folder comes back, and the victim's invoice stays as it was."""

    id = "I07"

    async def prepare(self) -> None:
        ground = self.ground
        self.attacker, self.victim = await ground.attacker(), await ground.person()
        self.canary = ground.canary("note")
        self.own: dict[str, Any] = await ground.order(self.attacker)
        self.theirs: dict[str, Any] = await ground.order(self.victim, self.canary)

    async def twin(self) -> None:
        answer = await self._invoice("invoice.txt")
        require(answer.ok and answer.holds("Walnut tray"), f"no invoice: {answer.status}")
        kept = await self.ground.upload(self.attacker, "cup.png", picture(), "image/png")
        require(kept.ok, f"a picture cannot be kept: {kept.status}")
        answer = await self.ground.send(
            "GET", f"/orders/{self.theirs['id']}/invoice", person=self.victim
        )
        require(answer.ok, f"the victim has no invoice: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        contract = self.ground.shop.folder / "contract.txt"
        theirs = f"../{self.theirs['id']}/invoice.txt"
        return [
            Payload("../..", partial(self._reads, "../../contract.txt", _CONTRACT)),
            Payload("./.././..", partial(self._reads, "./.././../contract.txt", _CONTRACT)),
            Payload("..//..//", partial(self._reads, "..//..//contract.txt", _CONTRACT)),
            Payload("an absolute path", partial(self._reads, str(contract), _CONTRACT)),
            Payload("the victim's folder", partial(self._reads, theirs, self.canary)),
            Payload("a write to the victim's folder", self._writes),
        ]

    async def _reads(self, name: str, canary: str) -> bool:
        return (await self._invoice(name)).holds(canary)

    async def _writes(self) -> bool:
        order = self.theirs["id"]
        forged = self.ground.canary("forged")
        name = f"../invoices/{order}/invoice.txt"
        await self.ground.upload(self.attacker, name, forged.encode(), "text/plain")
        path = f"/orders/{order}/invoice"
        return (await self.ground.send("GET", path, person=self.victim)).holds(forged)

    async def _invoice(self, name: str) -> Answer:
        target = f"/orders/{self.own['id']}/invoice" + query(name=name)
        return await self.ground.send("GET", target, person=self.attacker)
