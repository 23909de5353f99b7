"""U01: guess one password, first from one machine, then from many."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from ringfence.attack import client_key
from ringfence.attack.people import Person
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

DAY: Final = "guesses at one account are few in a day"

_GUESSES: Final = 60
_JUDGED: Final = 10  # at most, by the sign-in's own promise
_A_DAY: Final = 50  # at most, as well
_STEP: Final = timedelta(minutes=30)
_STEPS: Final = 47  # the last one is less than a day after the first
_EACH: Final = 3
_WRONG: Final = 401


class BruteForce(Attack):
    """Bounded: no more than ten guesses are judged at once, the right one after them is not.

    In a day, by the application's own clock, no more than fifty are. The owner, on a network of
    their own, is not locked out meanwhile.
    """

    id = "U01"
    alone = True
    control = "guesses at one account are counted"
    signs = frozenset({"signin.limited"})
    bound = "10 guesses at once and 50 in any 24 hours for one account, from all addresses together"

    async def prepare(self) -> None:
        self.victims = [await self.ground.person() for _ in range(3)]

    async def twin(self) -> None:
        for victim in self.victims:
            require(await self.ground.can_sign_in(victim), "the owner cannot sign in")

    def payloads(self) -> Sequence[Payload]:
        one, many, patient = self.victims
        here = self.ground.address()
        payloads = [
            Payload("from one address", partial(self._guesses, one, [here] * (_GUESSES + 1))),
            Payload(
                "from as many addresses as guesses",
                partial(self._guesses, many, [self.ground.address() for _ in range(_GUESSES + 1)]),
            ),
        ]
        if self.ground.site.clock is not None:
            payloads.append(Payload("for a day", partial(self._guesses_all_day, patient), DAY))
        return payloads

    async def _guesses_all_day(self, victim: Person) -> bool:
        judged = 0
        for _ in range(_STEPS):
            for _ in range(_EACH):
                judged += await self._is_judged(victim, self.ground.address())
            self.ground.site.later(_STEP)
        return judged > _A_DAY

    async def _guesses(self, victim: Person, sources: Sequence[str]) -> bool:
        judged = 0
        for source in sources[:-1]:
            judged += await self._is_judged(victim, source)
        return await self.ground.can_sign_in(victim, sources[-1]) or judged > _JUDGED

    async def _is_judged(self, victim: Person, source: str) -> bool:
        guess = {"login": victim.login, "client_key": client_key.guess()}
        answer = await self.ground.send(
            "POST", "/auth/sign-in", source=source, json=guess, later=True
        )
        return answer.status == _WRONG
