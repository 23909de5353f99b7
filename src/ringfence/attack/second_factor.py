"""An authenticator app, and an account that has one, after API.md and RFC 6238 alone.

Written a second time on purpose, as ``client_key`` is.
"""

import hashlib
import hmac
from base64 import b32decode
from dataclasses import dataclass
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.ground import Ground
from ringfence.attack.people import Person
from ringfence.attack.unproven import require

_STEP_SECONDS: Final = 30
_DIGITS: Final = 6

#: What a refused code or ticket is answered.
NO: Final = frozenset({401, 429})


def code(secret: str, at: float) -> str:
    """The code at this time, in seconds since 1970 (RFC 4226 section 5.3)."""
    step = int(at) // _STEP_SECONDS
    digest = hmac.digest(b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number)[-_DIGITS:].zfill(_DIGITS)


@dataclass(frozen=True, slots=True)
class Careful:
    """Somebody with an app, whose password somebody else knows."""

    ground: Ground
    person: Person
    before: Person  # a session from before there was an app
    access: str  # of the one that has shown the app
    secret: str
    recovery: tuple[str, ...]

    @classmethod
    async def of(cls, ground: Ground) -> "Careful":
        """Somebody new, who sets up an app as everybody does. The step before now is spent."""
        person = await ground.newcomer()
        before = await ground.again(person)
        setup = await ground.send("POST", "/auth/factors/totp", person=person)
        require(setup.ok, f"no app can be set up: {setup.status}")
        secret = str(setup.json()["secret"])
        ticket = str(setup.json()["ticket"])
        done = await _turned_on(ground, person, ticket, secret)
        if not done.ok:  # a step has ended on the way, and the one before it was two before
            done = await _turned_on(ground, person, ticket, secret)
        require(done.ok, f"the app cannot be turned on: {done.status} {done.text[:200]}")
        given = done.json()
        recovery = tuple(map(str, given["recovery_codes"]))
        return cls(ground, person, before, str(given["access_token"]), secret, recovery)

    def code(self, steps: int = 0) -> str:
        """What the app shows, so many steps from now."""
        return code(self.secret, self.ground.site.now + steps * _STEP_SECONDS)

    async def ticket(self) -> str:
        """What the right password gives."""
        proof = {"login": self.person.login, "client_key": self.person.key}
        answer = await self.ground.send("POST", "/auth/sign-in", json=proof)
        require(answer.ok and "ticket" in answer.json(), f"no second step: {answer.status}")
        return str(answer.json()["ticket"])

    async def show(self, ticket: str, shown: str) -> Answer:
        """The second step."""
        body = {"ticket": ticket, "code": shown}
        return await self.ground.send("POST", "/auth/mfa", json=body, later=True)


async def _turned_on(ground: Ground, person: Person, ticket: str, secret: str) -> Answer:
    """The app of ``secret``, by its code of the step before now."""
    body = {"ticket": ticket, "code": code(secret, ground.site.now - _STEP_SECONDS)}
    return await ground.send("POST", "/auth/factors/totp/confirm", person=person, json=body)
