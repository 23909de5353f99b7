"""U17: the link by which a forgotten password is replaced, used by somebody else, or once more."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.ground import yes_or_no
from ringfence.attack.people import Person
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.second_factor import Careful
from ringfence.attack.unproven import UnprovenError, require

ONCE: Final = "a link is spent by its use"
LATEST: Final = "a newer link ends older ones"
CHANGED: Final = "a change of the password ends links"
LIMIT: Final = "guesses at links are limited"
EXPIRY: Final = "a link expires"
SESSIONS: Final = "a reset ends every session"
FACTOR: Final = "a reset leaves the second factor"

_LIFE: Final = timedelta(minutes=20)
_GUESSES: Final = 25
_NO: Final = frozenset({400, 429})


class PasswordReset(Attack):
    """Stopped: a link works once, for twenty minutes, while it is the latest; guesses end soon.

    A session that somebody else had before the reset is over, and the second factor is asked for.
    """

    id = "U17"
    alone = True

    async def prepare(self) -> None:
        self.first, self.second = await self.ground.person(), await self.ground.person()
        self.third = await self.ground.newcomer()  # who knows their password
        self.careful = await Careful.of(self.ground)

    async def twin(self) -> None:
        require((await self._reset(await self._link(self.first))).ok, "no password is replaced")

    def payloads(self) -> Sequence[Payload]:
        payloads = [
            Payload("a link, once more", self._uses_it_twice, ONCE),
            Payload("a session of before", self._stays_signed_in, SESSIONS),
            Payload("a sign-in past the second factor", self._passes_by, FACTOR),
            Payload("a link after a newer one", self._uses_the_older, LATEST),
            Payload("a link after the password was changed", self._comes_late, CHANGED),
            Payload("a link, after many guesses", self._guesses, LIMIT),
        ]
        if self.ground.site.clock is not None:
            payloads.append(Payload("a link of twenty minutes ago", self._waits, EXPIRY))
        return payloads

    async def _uses_it_twice(self) -> bool:
        token = await self._link(self.first)
        require((await self._reset(token)).ok, "no password is replaced")
        return await self._works(token)

    async def _stays_signed_in(self) -> bool:
        """The session is the one that the victim's sign-up ended with."""
        require((await self._reset(await self._link(self.second))).ok, "no password is replaced")
        return yes_or_no(await self.ground.send("GET", "/auth/me", person=self.second), no=(401,))

    async def _passes_by(self) -> bool:
        """Whoever reads the mail has no second factor."""
        person, password = self.careful.person, _password()
        proof = {"token": await self._link(person), "password": password}
        reset = await self.ground.send("POST", "/auth/password/reset", json=proof)
        require(reset.ok, f"no password is replaced: {reset.status}")
        signing_in = {"login": person.login, "password": password}
        answer = await self.ground.send("POST", "/auth/sign-in", json=signing_in)
        require(answer.ok, f"nobody can sign in: {answer.status}")
        return "access_token" in answer.json()

    async def _uses_the_older(self) -> bool:
        older, _ = await self._link(self.second), await self._link(self.second)
        return await self._works(older)

    async def _comes_late(self) -> bool:
        token = await self._link(self.third)
        change = {"current": self.third.password, "new": _password()}
        answer = await self.ground.send(
            "POST", "/auth/password/change", person=self.third, json=change
        )
        require(answer.ok, f"the password cannot be changed: {answer.status}")
        return await self._works(token)

    async def _guesses(self) -> bool:
        token, source = await self._link(self.third), self.ground.address()
        for _ in range(_GUESSES):
            await self._reset(_like(token), source)
        return await self._works(token, source)

    async def _waits(self) -> bool:
        token = await self._link(self.third)
        self.ground.site.later(_LIFE)
        return await self._works(token)

    async def _link(self, person: Person) -> str:
        answer = await self.ground.send(
            "POST", "/auth/password/forgot", json={"login": person.login}
        )
        require(answer.ok, f"nobody may forget a password: {answer.status}")
        _, token = await self.ground.site.people.mailbox.link(person.login)
        return token

    async def _works(self, token: str, source: str = "") -> bool:
        return yes_or_no(await self._reset(token, source), no=_NO)

    async def _reset(self, token: str, source: str = "") -> Answer:
        for _ in range(3):  # one password in a thousand looks like a common one
            proof = {"token": token, "password": _password()}
            answer = await self.ground.send(
                "POST", "/auth/password/reset", source=source, json=proof, later=bool(source)
            )
            if not answer.holds("password.common"):
                return answer
        raise UnprovenError("no password is good enough")


def _password() -> str:
    return f"ask for {secrets.token_hex(9)}"


def _like(token: str) -> str:
    """A token of the same form that nobody was given."""
    return token[:8] + secrets.token_hex(32)[: len(token) - 8]
