"""H02: a link in somebody's mail that leads to the attacker, by a header of the request for it."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

HOST: Final = "the host is the site's own, and links lead to the configured origin"

_EVIL: Final = "evil.example"


class HostHeader(Attack):
    """Stopped: the mail's link leads to the application, or there is no mail."""

    id = "H02"
    control = "links lead to the configured origin"
    signs = frozenset({"link.built"})

    async def prepare(self) -> None:
        ground = self.ground
        self.victims = [await ground.person() for _ in range(2)]

    async def twin(self) -> None:
        login = self.victims[0].login
        answer = await self.ground.send("POST", "/auth/password/forgot", json={"login": login})
        require(answer.ok, f"nobody may forget a password: {answer.status}")
        address, _ = await self.ground.site.people.mailbox.link(login)
        require(address.startswith(self.ground.site.origin), "the link leads elsewhere")

    def payloads(self) -> Sequence[Payload]:
        host = ("Host", _EVIL)
        forwarded = ("X-Forwarded-Host", _EVIL)
        return [
            Payload("Host", partial(self._misleads, self.victims[0].login, host), HOST),
            Payload("X-Forwarded-Host", partial(self._misleads, self.victims[1].login, forwarded)),
        ]

    async def _misleads(self, login: str, header: tuple[str, str]) -> bool:
        ground = self.ground
        answer = await ground.send(
            "POST", "/auth/password/forgot", headers=[header], json={"login": login}
        )
        if not answer.ok:
            return False
        address, _ = await ground.site.people.mailbox.link(login)
        return _EVIL in address
