"""U11: a code of an authenticator app that was used, shown again."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from ringfence.attack.ground import yes_or_no
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.second_factor import NO, Careful
from ringfence.attack.unproven import require

_TICKETS: Final = 5
_ON_EACH: Final = 4
_FULL_WIDTH: Final = 0xFEE0


class ReplayedCode(Attack):
    """Stopped: a code signs in once, however it is written, and if it is shown many times at once.

    The attacker knows the password.
    """

    id = "U11"
    control = "a code is spent by its use"

    async def prepare(self) -> None:
        self.victims = [await Careful.of(self.ground) for _ in range(3)]

    async def twin(self) -> None:
        victim = await Careful.of(self.ground)
        answer = await victim.show(await victim.ticket(), victim.code())
        require(answer.ok, f"the owner cannot sign in: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        again, written, at_once = self.victims
        return [
            Payload("the same code again", partial(self._again, again, str)),
            Payload("in full-width digits", partial(self._again, written, _full_width)),
            Payload("many times at once", partial(self._at_once, at_once)),
        ]

    async def _again(self, victim: Careful, write: Callable[[str], str]) -> bool:
        used = victim.code()
        require((await victim.show(await victim.ticket(), used)).ok, "the owner cannot sign in")
        return yes_or_no(await victim.show(await victim.ticket(), write(used)), no=NO)

    async def _at_once(self, victim: Careful) -> bool:
        tickets = [await victim.ticket() for _ in range(_TICKETS)]
        shown = victim.code()
        tries = [victim.show(ticket, shown) for ticket in tickets for _ in range(_ON_EACH)]
        return sum(yes_or_no(each, no=NO) for each in await asyncio.gather(*tries)) > 1


def _full_width(code: str) -> str:
    return "".join(chr(ord(digit) + _FULL_WIDTH) for digit in code)
