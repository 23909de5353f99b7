"""U12: guess the code of an authenticator app, with the password in hand."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.ground import yes_or_no
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.second_factor import NO, Careful
from ringfence.attack.unproven import require

TICKET: Final = "guesses on one ticket are counted"
DAY: Final = "guesses at one account are counted, whatever is asked anew"

_ON_ONE: Final = 5
_IN_ALL: Final = 20
_WRONG: Final = "000000"


class CodeGuessing(Attack):
    """Stopped: after five guesses on a ticket, and twenty at an account, the right code is refused.

    A new ticket does not begin the count of the account anew.
    """

    id = "U12"
    signs = frozenset({"factor.limited"})

    async def prepare(self) -> None:
        self.one, self.many = await Careful.of(self.ground), await Careful.of(self.ground)

    async def twin(self) -> None:
        victim = await Careful.of(self.ground)
        ticket = await victim.ticket()
        require(not (await victim.show(ticket, _WRONG)).ok, "a wrong code is taken")
        require((await victim.show(ticket, victim.code())).ok, "the owner cannot sign in")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload("on one ticket", partial(self._guess, self.one, 1, _ON_ONE), TICKET),
            Payload("on a new ticket each time", partial(self._guess, self.many, _IN_ALL, 1), DAY),
        ]

    async def _guess(self, victim: Careful, tickets: int, each: int) -> bool:
        """The right code comes last: on the one ticket, or on a new one."""
        ticket = ""
        for _ in range(tickets):
            ticket = await victim.ticket()
            for _ in range(each):
                await victim.show(ticket, _WRONG)
        last = ticket if tickets == 1 else await victim.ticket()
        return yes_or_no(await victim.show(last, victim.code()), no=NO)
