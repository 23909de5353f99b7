"""U07: a refresh token that was stolen and spent, shown again."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.people import refresh_token, with_cookie
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

GRACE: Final = "a lost answer is repeated for ten seconds"

_GRACE: Final = timedelta(seconds=10.5)  # a lost answer is repeated for ten
_PARALLEL: Final = 8


class RefreshReuse(Attack):
    """Stopped: the thief gets nothing, and the family dies with the successor.

    Honest use is a lost answer within ten seconds, and many refreshes at once: one lineage.
    """

    id = "U07"
    control = "a spent token ends its family"
    patient = True

    async def prepare(self) -> None:
        ground = self.ground
        self.owner = await ground.person()
        self.early, self.late = await ground.again(self.owner), await ground.again(self.owner)

    async def twin(self) -> None:
        owner = await self.ground.again(self.owner)
        answers = await asyncio.gather(*(self._renew(owner.refresh) for _ in range(_PARALLEL)))
        require(all(answer.ok for answer in answers), "a lost answer is not repeated")
        again = await self._renew(refresh_token(answers[0]))
        require(again.ok, f"the successor is dead: {again.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload("after the successor was used", self._after_use),
            Payload("after ten seconds", self._after_grace, GRACE),
        ]

    async def _after_use(self) -> bool:
        stolen = self.early.refresh
        second = await self._owner_renews(stolen)
        third = await self._owner_renews(second)
        return await self._lives(stolen, third)

    async def _after_grace(self) -> bool:
        stolen = self.late.refresh
        second = await self._owner_renews(stolen)
        await self.ground.site.pass_by(_GRACE)
        return await self._lives(stolen, second)

    async def _lives(self, stolen: str, newest: str) -> bool:
        """Whether the thief, or whoever holds the newest token, still gets tokens."""
        thief = await self.ground.can_renew(stolen)
        return thief or await self.ground.can_renew(newest)

    async def _owner_renews(self, refresh: str) -> str:
        answer = await self._renew(refresh)
        require(answer.ok, f"the owner cannot refresh: {answer.status}")
        return refresh_token(answer)

    async def _renew(self, refresh: str) -> Answer:
        headers = with_cookie(self.ground.site.origin, refresh)
        return await self.ground.send("POST", "/auth/refresh", headers=headers)
