"""U13: do with the password alone what needs the second factor."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.client import bearer
from ringfence.attack.ground import yes_or_no
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.second_factor import Careful
from ringfence.attack.unproven import require

TICKET: Final = "a ticket is no token"
PROOF: Final = "factors change by who has shown the second one"

_NO: Final = frozenset({401, 403})


class HalfSignedIn(Attack):
    """Stopped: what the password gives reads nothing and sets nothing up.

    A session from before the second factor was set up does not remove it.
    """

    id = "U13"

    async def prepare(self) -> None:
        self.victim, self.other = await Careful.of(self.ground), await Careful.of(self.ground)

    async def twin(self) -> None:
        victim = await Careful.of(self.ground)
        answer = await victim.show(await victim.ticket(), victim.code())
        require(answer.ok, f"the owner cannot sign in: {answer.status}")
        signed_in = [bearer(str(answer.json()["access_token"]))]
        me = await self.ground.send("GET", "/auth/me", headers=signed_in)
        require(me.ok, f"the owner cannot read: {me.status}")
        removed = await self.ground.send("DELETE", "/auth/factors/totp", headers=signed_in)
        require(removed.ok, f"the owner cannot remove the app: {removed.status}")

    def payloads(self) -> Sequence[Payload]:
        tried = (("GET", "/auth/me"), ("GET", "/auth/sessions"), ("POST", "/auth/factors/totp"))
        return [
            *(
                Payload(f"a ticket: {method} {path}", partial(self._half, method, path), TICKET)
                for method, path in tried
            ),
            Payload("a session of before removes the app", self._removes, PROOF),
        ]

    async def _half(self, method: str, path: str) -> bool:
        headers = [bearer(await self.victim.ticket())]
        return yes_or_no(await self.ground.send(method, path, headers=headers), no=_NO)

    async def _removes(self) -> bool:
        before = self.other.before
        answer = await self.ground.send("DELETE", "/auth/factors/totp", person=before)
        return yes_or_no(answer, no=_NO)
