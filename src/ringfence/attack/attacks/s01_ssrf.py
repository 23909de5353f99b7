"""S01: have the application fetch what only the inside can reach."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.outside import INSIDE, MOVING
from ringfence.attack.places import OutboundUrl
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

#: The controls of an outbound client.
ADDRESS: Final = "the address is judged"
SPELLING: Final = "the address is judged, and has one spelling"
USER: Final = "the address is judged, and nobody stands before it"
REDIRECT: Final = "each redirect is judged"
PIN: Final = "the address that was judged is the one that is connected to"

#: By name: a host where the trap is, and the control that stands in the way to it.
_HOSTS: Final = {
    "the address": ("127.0.0.1", ADDRESS),
    "a name": ("localhost", ADDRESS),
    "a name of the attacker's": (INSIDE, ADDRESS),
    "IPv6 around IPv4": ("[::ffff:127.0.0.1]", ADDRESS),
    "no address": ("0.0.0.0", ADDRESS),  # noqa: S104  # a target, nothing listens there
    "another spelling": ("127.1", SPELLING),
    "hexadecimal": ("0x7f.0.0.1", SPELLING),
    "one number": ("2130706433", SPELLING),
    "somebody in front of it": ("example.com@127.0.0.1", USER),
}


class Ssrf(Attack):
    """Stopped: nothing arrives at the traps, which listen inside, and nothing of them comes back.

    The ports of the traps are open to the client: only what it thinks of addresses stops it.
    """

    id = "S01"
    seam = OutboundUrl

    async def prepare(self) -> None:
        self.outbound = self.ground.place(OutboundUrl)
        self.attacker = await self.ground.attacker()
        self.around = self.ground.site.around

    async def twin(self) -> None:
        friend = self.around.friend
        answer = await self._fetch(friend.address + "/feed")
        require(answer.holds(friend.text), f"a friend is not fetched: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            *(
                Payload(name, partial(self._reaches, host), control)
                for name, (host, control) in _HOSTS.items()
            ),
            Payload("a redirect of a friend", self._is_led_there, REDIRECT),
            Payload("a name that moves (DNS rebinding)", self._is_moved_there, PIN),
        ]

    async def _reaches(self, host: str) -> bool:
        trap, path = self.around.trap, self._path()
        answer = await self._fetch(f"http://{host}:{trap.port}{path}")
        return path in trap.asked or answer.holds(trap.text)

    async def _is_led_there(self) -> bool:
        trap, path = self.around.trap, self._path()
        answer = await self._fetch(self.around.away(trap.address + path))
        return path in trap.asked or answer.holds(trap.text)

    async def _is_moved_there(self) -> bool:
        """The name is the friend's when it is looked up first, and the shadow's ever after.

        Who looks it up twice for one request is there at once; who believes it, with the next.
        """
        shadow, path = self.around.shadow, self._path()
        url = f"http://{self.ground.canary('name')}{MOVING}:{shadow.port}{path}"
        for _ in range(2):
            answer = await self._fetch(url)
            if path in shadow.asked or answer.holds(shadow.text):
                return True
        return False

    def _path(self) -> str:
        return f"/{self.ground.canary('ssrf')}"

    async def _fetch(self, url: str) -> Answer:
        return await self.outbound.fetch(self.ground, self.attacker, url)
