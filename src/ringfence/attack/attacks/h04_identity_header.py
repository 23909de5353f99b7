"""H04: to be somebody by saying so in a header, as a proxy in front might."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.places import Record
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_HEADERS: Final = ("X-User-Id", "X-Remote-User", "X-Forwarded-User")


class IdentityHeader(Attack):
    """Stopped: whoever sends such a header is as anonymous as before."""

    id = "H04"
    control = "who asks is what a token says"

    async def prepare(self) -> None:
        self.victim = await self.ground.person()
        self.canary = self.ground.canary("note")
        self.records = self.ground.place(Record)
        await self.records.create(self.ground, self.victim, self.canary)

    async def twin(self) -> None:
        answer = await self.ground.send("GET", self.records.listing, person=self.victim)
        require(answer.ok and answer.holds(self.canary), f"no list of records: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            *(
                Payload(f"{name} to the list of records", partial(self._lists, name))
                for name in _HEADERS
            ),
            Payload("X-User-Id to the account", self._asks_who),
            Payload("X-User-Id to write", self._writes),
        ]

    async def _lists(self, name: str) -> bool:
        header = (name, self.victim.subject)
        found = await self.ground.send("GET", self.records.listing, headers=[header])
        return found.holds(self.canary)

    async def _asks_who(self) -> bool:
        header = ("X-User-Id", self.victim.subject)
        answer = await self.ground.send("GET", "/auth/me", headers=[header])
        return answer.holds(self.victim.login)

    async def _writes(self) -> bool:
        forged = self.ground.canary("forged")
        header = ("X-User-Id", self.victim.subject)
        await self.records.send(self.ground, None, forged, headers=[header])
        found = await self.ground.send("GET", self.records.listing, person=self.victim)
        return found.holds(forged)
