"""Z03: close somebody's account, which only the highest administrator may."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.people import Person
from ringfence.attack.places import AdminAction
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class Bfla(Attack):
    """Stopped: the victim is still signed in, and can sign in."""

    id = "Z03"
    control = "roles are judged"

    async def prepare(self) -> None:
        ground = self.ground
        self.accounts = ground.place(AdminAction)
        self.victims = [await ground.person() for _ in range(3)]
        self.spare = [await ground.person() for _ in range(2)]
        self.user, self.root = await ground.attacker(), await self.accounts.highest(ground)
        self.admin = await self.accounts.lesser(ground)

    async def twin(self) -> None:
        somebody = self.spare.pop()
        answer = await self.ground.send("DELETE", self.accounts.path(somebody), person=self.root)
        require(answer.ok, f"an administrator cannot close an account: {answer.status}")
        require(not await self.ground.can_sign_in(somebody), "a closed account can sign in")

    def payloads(self) -> Sequence[Payload]:
        by_user, by_admin, by_oneself = self.victims
        return [
            Payload("as a user", partial(self._closes, by_user, self.user)),
            Payload("as a lesser administrator", partial(self._closes, by_admin, self.admin)),
            Payload("one's own, without the role", partial(self._closes, by_oneself, by_oneself)),
        ]

    async def _closes(self, victim: Person, attacker: Person) -> bool:
        await self.ground.send("DELETE", self.accounts.path(victim), person=attacker)
        return not await self.ground.can_sign_in(victim)
