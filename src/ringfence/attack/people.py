"""People with accounts of their own.

A newcomer makes one as everybody does: sign-up, mail, sign-in. That takes two Argon2id, so an
attack that only needs somebody takes one whose account the target had before, if there is one left.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import Client, Headers, bearer, browser
from ringfence.attack.client_key import derive
from ringfence.attack.mailbox import Mailbox
from ringfence.attack.unproven import UnprovenError, require

COOKIE: Final = "__Host-rf_refresh"

_BUSY: Final = 503  # two cores hash few passwords at once: the answer then, and it is asked again
_ATTEMPTS: Final = 30
_COMMON: Final = "password.common"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who can sign in."""

    login: str
    password: str  # empty if nobody knows it
    key: str  # what a browser makes of the password
    address: str  # where they come from


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Account):
    """Somebody who is signed in."""

    subject: str
    access: str
    refresh: str

    @property
    def bearer(self) -> tuple[str, str]:
        """The header that says who they are."""
        return bearer(self.access)


@dataclass(frozen=True, slots=True)
class People:
    """Makes people for one application."""

    client: Client
    mailbox: Mailbox
    origin: str
    known: Mapping[str, Account] = field(default_factory=dict[str, Account])  # by login
    prepared: list[Account] = field(default_factory=list[Account])  # whom nobody has been yet

    async def fresh(self, source: str) -> Person:
        """Somebody new, signed in from ``source``; nobody may know their password."""
        if not self.prepared:
            return await self.newcomer(source)
        return await self.sign_in(replace(self.prepared.pop(), address=source))

    async def newcomer(self, source: str, name: str = "Pat") -> Person:
        """Somebody new, who signed up and in from ``source``."""
        login = f"p{secrets.token_hex(6)}@example.net"
        answer = await self._post("/auth/sign-up", {"login": login, "name": name}, source)
        require(answer.ok, f"sign-up: {answer.status} {answer.text[:200]}")
        _, token = await self.mailbox.link(login)
        password = await self._prove(token, source)
        return await self.sign_in(await self._account(login, password, source))

    async def of_the_target(self, login: str, source: str) -> Person:
        """Somebody whom the target itself knows, with roles of their own, signed in."""
        return await self.sign_in(replace(self.known[login], address=source))

    async def sign_in(self, account: Account) -> Person:
        """Sign somebody in, as a browser does."""
        proof = {"login": account.login, "client_key": account.key}
        answer = await self._post("/auth/sign-in", proof, account.address)
        require(answer.ok, f"sign-in: {answer.status} {answer.text[:200]}")
        access = str(answer.json()["access_token"])
        me = await self.client.send(
            "GET", "/auth/me", source=account.address, headers=[bearer(access)]
        )
        require(me.answer.ok, f"me: {me.answer.status}")
        return Person(
            login=account.login,
            password=account.password,
            key=account.key,
            address=account.address,
            subject=str(me.answer.json()["sub"]),
            access=access,
            refresh=refresh_token(answer),
        )

    async def _prove(self, token: str, source: str) -> str:
        """Open the mailed link, and choose a password."""
        for _ in range(_ATTEMPTS):
            password = f"ask for {secrets.token_hex(9)}"
            proof = {"token": token, "password": password}
            answer = await self._post("/auth/verify-email", proof, source)
            if not answer.holds(_COMMON):  # one in a thousand looks like a common one
                require(answer.ok, f"verify-email: {answer.status} {answer.text[:200]}")
                return password
        raise UnprovenError("no password is good enough")

    async def _account(self, login: str, password: str, source: str) -> Account:
        answer = await self._post("/auth/prelogin", {"login": login}, source)
        require(answer.ok, f"prelogin: {answer.status}")
        key = await asyncio.to_thread(derive, password, answer.json())
        return Account(login=login, password=password, key=key, address=source)

    async def _post(self, path: str, message: object, source: str) -> Answer:
        headers = browser(self.origin)
        for _ in range(_ATTEMPTS):
            sent = await self.client.send(
                "POST", path, source=source, headers=headers, json=message, later=True
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


def with_cookie(origin: str, refresh: str) -> Headers:
    """The headers with which a browser at ``origin`` sends the cookie."""
    return [*browser(origin), ("Cookie", f"{COOKIE}={refresh}")]
