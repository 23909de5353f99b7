"""People with accounts of their own, made as everybody makes one: sign-up, mail, sign-in."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import Client, bearer, browser
from ringfence.attack.mailbox import Mailbox
from ringfence.attack.unproven import UnprovenError, require

COOKIE: Final = "__Host-rf_refresh"
#: Of the shop's four seeded accounts; it is public.
SEEDED_PASSWORD: Final = "violet kettle orbits quietly"  # noqa: S105  # see above

#: Two cores hash a password in a second when they are busy; the shop says so, and is asked again.
_BUSY: Final = 503
_ATTEMPTS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is signed in."""

    login: str
    password: str
    subject: str
    access: str
    refresh: str
    address: str  # where they signed in from

    @property
    def bearer(self) -> tuple[str, str]:
        """The header that says who they are."""
        return bearer(self.access)


@dataclass(frozen=True, slots=True)
class People:
    """Makes people for one shop."""

    client: Client
    mailbox: Mailbox
    origin: str

    async def fresh(self, source: str) -> Person:
        """Somebody new, who signed up and in from ``source``."""
        login = f"p{secrets.token_hex(6)}@example.net"
        password = f"ask for {secrets.token_hex(9)}"
        asked = {"login": login, "name": "Pat"}
        answer = await self._post("/auth/sign-up", asked, source)
        require(answer.ok, f"sign-up: {answer.status} {answer.text[:200]}")
        _, token = await self.mailbox.link(login)
        proof = {"token": token, "password": password}
        answer = await self._post("/auth/verify-email", proof, source)
        require(answer.ok, f"verify-email: {answer.status} {answer.text[:200]}")
        return await self.sign_in(login, password, source)

    async def sign_in(self, login: str, password: str, source: str) -> Person:
        """Sign somebody in."""
        answer = await self._post("/auth/sign-in", {"login": login, "password": password}, source)
        require(answer.ok, f"sign-in: {answer.status} {answer.text[:200]}")
        access = str(answer.json()["access_token"])
        sent = await self.client.send("GET", "/auth/me", source=source, headers=[bearer(access)])
        require(sent.answer.ok, f"me: {sent.answer.status}")
        return Person(
            login=login,
            password=password,
            subject=str(sent.answer.json()["sub"]),
            access=access,
            refresh=refresh_token(answer),
            address=source,
        )

    async def _post(self, path: str, message: object, source: str) -> Answer:
        for _ in range(_ATTEMPTS):
            sent = await self.client.send(
                "POST",
                path,
                source=source,
                headers=[*browser(self.origin).items()],
                json=message,
                later=True,
            )
            if sent.answer.status != _BUSY:
                return sent.answer
            await asyncio.sleep(0.5)
        raise UnprovenError(f"{path}: busy all the time")


def refresh_token(answer: Answer) -> str:
    """The refresh token that ``answer`` sets; empty if it sets none."""
    for name, value in answer.headers:
        if name == "set-cookie" and value.startswith(f"{COOKIE}="):
            return value.removeprefix(f"{COOKIE}=").partition(";")[0]
    return ""


def with_cookie(origin: str, refresh: str) -> Sequence[tuple[str, str]]:
    """The headers with which a browser at ``origin`` sends the cookie."""
    return [*browser(origin).items(), ("Cookie", f"{COOKIE}={refresh}")]
