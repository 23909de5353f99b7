"""S01: have the application fetch what only the inside can reach."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.answer import Answer
from ringfence.attack.places import OutboundUrl
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class Ssrf(Attack):
    """Stopped: nothing arrives at the trap, which listens inside, and nothing of it comes back."""

    id = "S01"

    async def prepare(self) -> None:
        self.outbound = self.ground.place(OutboundUrl)
        self.attacker = await self.ground.attacker()
        self.trap = self.ground.site.around.trap

    async def twin(self) -> None:
        friend = self.ground.site.around.friend
        answer = await self._fetch(friend.address + "/feed")
        require(answer.holds(friend.text), f"a friend is not fetched: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        hosts = {
            "the address": "127.0.0.1",
            "a name": "localhost",
            "another spelling": "127.1",
            "hexadecimal": "0x7f.0.0.1",
            "one number": "2130706433",
            "IPv6 around IPv4": "[::ffff:127.0.0.1]",
            "no address": "0.0.0.0",  # noqa: S104  # a target, nothing listens there
            "somebody in front of it": "example.com@127.0.0.1",
        }
        return [
            *(Payload(name, partial(self._reaches, host)) for name, host in hosts.items()),
            Payload("a redirect of a friend", self._is_led_there),
        ]

    async def _reaches(self, host: str) -> bool:
        path = f"/{self.ground.canary('ssrf')}"
        answer = await self._fetch(f"http://{host}:{self.trap.port}{path}")
        return path in self.trap.asked or answer.holds(self.trap.text)

    async def _is_led_there(self) -> bool:
        path = f"/{self.ground.canary('ssrf')}"
        around = self.ground.site.around
        answer = await self._fetch(around.away(self.trap.address + path))
        return path in self.trap.asked or answer.holds(self.trap.text)

    async def _fetch(self, url: str) -> Answer:
        return await self.outbound.fetch(self.ground, self.attacker, url)
