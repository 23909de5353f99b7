"""U05: a session that the attacker knows, put under the victim."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import browser
from ringfence.attack.people import COOKIE, Person, bearer, with_cookie
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

DRAWN: Final = "a sign-in draws its session's token"
NAME: Final = "a session's token is in the one cookie of its name, and nowhere else"

#: The cookie's name without what a browser guards, and with a space that some parsers drop.
_BARE: Final = COOKIE.removeprefix("__Host-")
_SPACED: Final = f"\xa0{COOKIE}"


class SessionFixation(Attack):
    """Stopped: a token that somebody else chose is worth nothing, and no other cookie counts.

    A sibling subdomain can set cookies for the whole site, but for names with ``__Host-``.
    """

    id = "U05"

    async def prepare(self) -> None:
        self.victim, self.attacker = await self.ground.person(), await self.ground.attacker()

    async def twin(self) -> None:
        session = await self.ground.again(self.victim)
        require(await self.ground.can_renew(session.refresh), "a session cannot be renewed")

    def payloads(self) -> Sequence[Payload]:
        cookies = {
            "a cookie of a neighbour, without the prefix": _BARE,
            "a cookie of a neighbour, with a space before its name": _SPACED,
            "a cookie of the same name, before the victim's": COOKIE,
        }
        return [
            Payload("a token that was chosen before the sign-in", self._chooses, DRAWN),
            *(Payload(name, partial(self._tosses, each), NAME) for name, each in cookies.items()),
            Payload("a token in the address", self._links, NAME),
        ]

    async def _chooses(self) -> bool:
        """The victim signs in with a cookie that the attacker has put there."""
        chosen = _turned(self.attacker.refresh)
        proof = {"login": self.victim.login, "client_key": self.victim.key}
        answer = await self.ground.send(
            "POST",
            "/auth/sign-in",
            headers=with_cookie(self.ground.site.origin, chosen),
            json=proof,
        )
        require(answer.ok, f"the victim cannot sign in: {answer.status}")
        return await self.ground.can_renew(chosen)

    async def _tosses(self, name: str) -> bool:
        attacker, victim = await self._sessions()
        cookies = f"{name}={attacker.refresh}; {COOKIE}={victim.refresh}"
        return await self._becomes_the_attacker(
            await self._renew("/auth/refresh", ("Cookie", cookies))
        )

    async def _links(self) -> bool:
        attacker, _ = await self._sessions()
        return await self._becomes_the_attacker(
            await self._renew(f"/auth/refresh?{COOKIE}={attacker.refresh}")
        )

    async def _sessions(self) -> tuple[Person, Person]:
        return await self.ground.again(self.attacker), await self.ground.again(self.victim)

    async def _renew(self, target: str, *headers: tuple[str, str]) -> Answer:
        own = browser(self.ground.site.origin)
        return await self.ground.send("POST", target, headers=[*own, *headers])

    async def _becomes_the_attacker(self, answer: Answer) -> bool:
        """Whether the victim's browser is in the attacker's account from here on."""
        if not answer.ok:
            return False
        access = bearer(str(answer.json()["access_token"]))
        return (await self.ground.send("GET", "/auth/me", headers=[access])).holds(
            self.attacker.login
        )


def _turned(token: str) -> str:
    """A token of the same form that nobody was given: its middle is turned round."""
    return token[:12] + token[-2:11:-1] + token[-1:]
