"""U01: guess one password, first from one machine, then from many."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack import client_key
from ringfence.attack.people import Person
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_GUESSES: Final = 60
_JUDGED: Final = 10  # at most, by the sign-in's own promise
_WRONG: Final = 401


class BruteForce(Attack):
    """Bounded: no more than ten guesses are judged, the right one after them is not.

    The owner, on a network of their own, is not locked out meanwhile.
    """

    id = "U01"
    signs = frozenset({"signin.limited"})
    bound = "10 guesses at once and 50 in any 24 hours for one account, from all addresses together"

    async def prepare(self) -> None:
        self.victims = [await self.ground.person() for _ in range(2)]

    async def twin(self) -> None:
        for victim in self.victims:
            require(await self.ground.can_sign_in(victim), "the owner cannot sign in")

    def payloads(self) -> Sequence[Payload]:
        one, many = self.victims
        here = self.ground.address()
        return [
            Payload("from one address", partial(self._guesses, one, [here] * (_GUESSES + 1))),
            Payload(
                "from as many addresses as guesses",
                partial(self._guesses, many, [self.ground.address() for _ in range(_GUESSES + 1)]),
            ),
        ]

    async def _guesses(self, victim: Person, sources: Sequence[str]) -> bool:
        judged = 0
        for source in sources[:-1]:
            guess = {"login": victim.login, "client_key": client_key.guess()}
            answer = await self.ground.send(
                "POST", "/auth/sign-in", source=source, json=guess, later=True
            )
            judged += answer.status == _WRONG
        return await self.ground.can_sign_in(victim, sources[-1]) or judged > _JUDGED
