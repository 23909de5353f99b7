"""H04: to be somebody by saying so in a header, as a proxy in front might."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_HEADERS: Final = ("X-User-Id", "X-Remote-User", "X-Forwarded-User")


class IdentityHeader(Attack):
    """Stopped: whoever sends such a header is as anonymous as before."""

    id = "H04"

    async def prepare(self) -> None:
        self.victim = await self.ground.person()
        self.canary = self.ground.canary("note")
        await self.ground.order(self.victim, self.canary)

    async def twin(self) -> None:
        answer = await self.ground.send("GET", "/orders", person=self.victim)
        require(answer.ok and answer.holds(self.canary), f"no list of orders: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            *(Payload(f"{name} to the orders", partial(self._lists, name)) for name in _HEADERS),
            Payload("X-User-Id to the account", self._asks_who),
            Payload("X-User-Id to write", self._writes),
        ]

    async def _lists(self, name: str) -> bool:
        header = (name, self.victim.subject)
        return (await self.ground.send("GET", "/orders", headers=[header])).holds(self.canary)

    async def _asks_who(self) -> bool:
        header = ("X-User-Id", self.victim.subject)
        answer = await self.ground.send("GET", "/auth/me", headers=[header])
        return answer.holds(self.victim.login)

    async def _writes(self) -> bool:
        forged = self.ground.canary("forged")
        header = ("X-User-Id", self.victim.subject)
        await self.ground.send("POST", "/orders", headers=[header], json={"item": forged})
        return (await self.ground.send("GET", "/orders", person=self.victim)).holds(forged)
