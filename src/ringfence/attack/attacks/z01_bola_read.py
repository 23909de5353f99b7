"""Z01: what belongs to somebody else, read by its id."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.places import Owned
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class BolaRead(Attack):
    """Stopped: the answer is, but for its request id, that on something which does not exist."""

    id = "Z01"
    control = "ownership is judged"

    async def prepare(self) -> None:
        ground = self.ground
        ground.place(Owned)
        self.victim, self.attacker = await ground.person(), await ground.attacker()
        canary = ground.canary("note")
        self.theirs, self.nobodys = dict[str, str](), dict[str, str]()
        for kind in ground.every(Owned):
            self.theirs |= kind.readings(await kind.create(ground, self.victim, canary))
            self.nobodys |= kind.readings(kind.nobodys())

    async def twin(self) -> None:
        for name, path in self.theirs.items():
            answer = await self.ground.send("GET", path, person=self.victim)
            require(answer.ok, f"the owner cannot read the {name}: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload(name, partial(self._read, path, self.nobodys[name]))
            for name, path in self.theirs.items()
        ]

    async def _read(self, theirs: str, nobodys: str) -> bool:
        found = await self.ground.send("GET", theirs, person=self.attacker)
        missing = await self.ground.send("GET", nobodys, person=self.attacker)
        return found.apart_from_its_id() != missing.apart_from_its_id()
