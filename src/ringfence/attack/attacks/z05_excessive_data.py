"""Z05: columns that are for nobody, in the answer on an object that anybody may read."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.answer import Answer
from ringfence.attack.places import Shown
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class ExcessiveData(Attack):
    """Stopped: no answer has the name of such a column, or the e-mail address of who made it."""

    id = "Z05"
    control = "columns that are not declared are cut"
    signs = frozenset({"field.hidden"})
    apart = True

    async def prepare(self) -> None:
        ground = self.ground
        self.kind = ground.place(Shown)
        self.victim, self.attacker = await ground.person(), await ground.attacker()
        self.canary = ground.canary("title")
        self.theirs = await self.kind.create(ground, self.victim, self.canary)

    async def twin(self) -> None:
        for name, path in self.kind.readings(self.theirs).items():
            found = await self.ground.send("GET", path, person=self.attacker)
            require(found.holds(self.canary), f"the {name} is not shown: {found.status}")

    def payloads(self) -> Sequence[Payload]:
        readings = self.kind.readings(self.theirs).items()
        return [
            *(Payload(f"the {name}", partial(self._reads, path)) for name, path in readings),
            Payload("the answer to whoever makes one", self._makes),
        ]

    async def _reads(self, path: str) -> bool:
        return self._shows_more(await self.ground.send("GET", path, person=self.attacker))

    async def _makes(self) -> bool:
        made = await self.kind.create(self.ground, self.attacker, self.ground.canary("own"))
        return not made.shown.keys().isdisjoint(self.kind.undeclared)

    def _shows_more(self, answer: Answer) -> bool:
        named = (f'"{name}"' for name in self.kind.undeclared)
        return answer.holds(self.victim.login) or any(map(answer.holds, named))
