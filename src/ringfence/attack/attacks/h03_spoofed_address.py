"""H03: a limit per address, passed by naming another address with every guess.

One guess for each of many accounts, from one machine: the address is all that tells the guesses
apart from honest visitors. The last of the accounts is the victim's, with the right password: it
was used on another site, which leaked it.
"""

import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from ringfence.attack import client_key
from ringfence.attack.people import Person
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_GUESSES: Final = 24


class SpoofedAddress(Attack):
    """Stopped: the guesses end before the right one is judged; the owner still gets in."""

    id = "H03"
    control = "an address is the peer's"
    signs = frozenset({"signin.limited"})

    async def prepare(self) -> None:
        self.victims = [await self.ground.person() for _ in range(2)]

    async def twin(self) -> None:
        for victim in self.victims:
            require(await self.ground.can_sign_in(victim), "the owner cannot sign in")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload("another address each time", partial(self._stuffs, self.victims[0], _one)),
            Payload("a chain of addresses", partial(self._stuffs, self.victims[1], _chain)),
        ]

    async def _stuffs(self, victim: Person, forwarded: Callable[[int], str]) -> bool:
        source = self.ground.address()
        for number in range(_GUESSES):
            guess = {
                "login": f"u{secrets.token_hex(5)}@example.org",
                "client_key": client_key.guess(),
            }
            await self.ground.send(
                "POST",
                "/auth/sign-in",
                source=source,
                headers=[("X-Forwarded-For", forwarded(number))],
                json=guess,
                later=True,
            )
        answer = await self.ground.send(
            "POST",
            "/auth/sign-in",
            source=source,
            headers=[("X-Forwarded-For", forwarded(_GUESSES))],
            json={"login": victim.login, "client_key": victim.key},
            later=True,
        )
        return answer.ok


def _one(number: int) -> str:
    return f"203.0.113.{number}"


def _chain(number: int) -> str:
    return f"198.51.100.{number}, 10.0.0.1, 127.0.0.1"
