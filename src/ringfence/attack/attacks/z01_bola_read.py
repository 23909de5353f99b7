"""Z01: somebody else's order, invoice and file, read by their ids."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.ground import picture
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_NOBODYS: Final = 2_000_000_000  # an id that nothing has


class BolaRead(Attack):
    """Stopped: the answer is, but for its request id, that on something which does not exist."""

    id = "Z01"

    async def prepare(self) -> None:
        ground = self.ground
        self.victim, self.attacker = await ground.person(), await ground.attacker()
        canary = ground.canary("note")
        self.order = (await ground.order(self.victim, canary))["id"]
        kept = await ground.upload(self.victim, f"{canary}.png", picture(), "image/png")
        require(kept.ok, f"an upload cannot be made: {kept.status}")
        self.file = kept.json()["id"]

    async def twin(self) -> None:
        for path in self._paths(self.order, self.file):
            answer = await self.ground.send("GET", path, person=self.victim)
            require(answer.ok, f"the owner cannot read {path}: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        theirs = self._paths(self.order, self.file)
        nobodys = self._paths(_NOBODYS, _NOBODYS)
        return [
            Payload(name, partial(self._read, *paths))
            for name, *paths in zip(("order", "invoice", "file"), theirs, nobodys, strict=True)
        ]

    async def _read(self, theirs: str, nobodys: str) -> bool:
        found = await self.ground.send("GET", theirs, person=self.attacker)
        missing = await self.ground.send("GET", nobodys, person=self.attacker)
        return found.apart_from_its_id() != missing.apart_from_its_id()

    @staticmethod
    def _paths(order: int, file: int) -> tuple[str, str, str]:
        return f"/orders/{order}", f"/orders/{order}/invoice", f"/uploads/{file}"
