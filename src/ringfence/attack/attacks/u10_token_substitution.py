"""U10: a token that the right key has signed, for another use, place or time."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import bearer
from ringfence.attack.places import Record, SignedElsewhere
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

KIND: Final = "the token is an access token"
AUDIENCE: Final = "the token is for this application"
ISSUER: Final = "the token is of this issuer"
EXPIRY: Final = "the token has not expired"
ISSUED: Final = "the token was issued before now"
LIFETIME: Final = "the token lives no longer than tokens do"

_HOUR: Final = 3600


class TokenSubstitution(Attack):
    """Stopped: a token that is not an access token, of this application, of now, shows nothing."""

    id = "U10"

    async def prepare(self) -> None:
        ground = self.ground
        self.elsewhere, self.records = ground.place(SignedElsewhere), ground.place(Record)
        self.victim, self.canary = await ground.person(), ground.canary("note")
        await self.records.create(ground, self.victim, self.canary)
        self.header, self.claims = map(_opened, self.victim.access.split(".")[:2])

    async def twin(self) -> None:
        """Signed again as it is, it is accepted: what is changed below makes the difference."""
        answer = await self._show({}, {"auth_time": self.claims["auth_time"] - 1})
        require(answer.holds(self.canary), f"a true token shows nothing: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        now = int(time.time())
        life = self.claims["exp"] - self.claims["iat"]
        earlier, later = now - 2 * _HOUR, now + _HOUR
        old = {"iat": earlier, "exp": earlier + life, "auth_time": earlier}
        young = {"iat": later, "exp": later + life}
        other: Sequence[tuple[str, Mapping[str, object], Mapping[str, object], str]] = (
            ("an ID token", {"typ": "JWT"}, {}, KIND),
            ("a token that asks for a sign-out", {"typ": "logout+jwt"}, {}, KIND),
            ("a token for another service", {}, {"aud": "https://other.example"}, AUDIENCE),
            ("a token of staging", {}, {"iss": "https://staging.example"}, ISSUER),
            ("a token of two hours ago", {}, old, EXPIRY),
            ("a token of an hour ahead", {}, young, ISSUED),
            ("a token that lives for a day", {}, {"exp": now + 24 * _HOUR}, LIFETIME),
        )
        return [
            Payload(name, partial(self._reads, header, claims), control)
            for name, header, claims, control in other
        ]

    async def _reads(self, header: Mapping[str, object], claims: Mapping[str, object]) -> bool:
        return (await self._show(header, claims)).holds(self.canary)

    async def _show(self, header: Mapping[str, object], claims: Mapping[str, object]) -> Answer:
        token = self.elsewhere.signed(
            self.ground, {**self.header, **header}, {**self.claims, **claims}
        )
        return await self.ground.send("GET", self.records.listing, headers=[bearer(token)])


def _opened(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
