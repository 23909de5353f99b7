"""What an attack stands on: a running application, addresses to come from, people, a memory."""

import contextlib
import secrets
from collections.abc import Container, Generator
from contextvars import ContextVar
from dataclasses import replace
from typing import Final, TypeVar

from ringfence.attack.answer import Answer, Sent
from ringfence.attack.client import Headers
from ringfence.attack.people import Person, with_cookie
from ringfence.attack.place import Place
from ringfence.attack.site import Site
from ringfence.attack.unproven import UnavailableError, require

_P = TypeVar("_P", bound=Place)

#: What the payload under way has sent: each task notes its own.
_noted: ContextVar[list[Sent] | None] = ContextVar("noted", default=None)


class Ground:
    """One attack's view of a running application.

    ``number`` sets its addresses apart from those of other attacks: limits and counts that one
    attack exhausts are nothing to the next.
    """

    def __init__(self, site: Site, number: int) -> None:
        self.site: Final = site
        self._number: Final = number
        self._addresses = 0

    def place(self, kind: type[_P]) -> _P:
        """The place of this kind. Raises ``UnavailableError`` if the target has none."""
        found = self.offered(kind)
        if found is None:
            raise UnavailableError(f"the target has no such place: {kind.what}")
        return found

    def offered(self, kind: type[_P]) -> _P | None:
        """The place of this kind, if the target has one."""
        return next(iter(self.every(kind)), None)

    def every(self, kind: type[_P]) -> list[_P]:
        """All places of this kind."""
        return [place for place in self.site.places if isinstance(place, kind)]

    @contextlib.contextmanager
    def noting(self) -> Generator[list[Sent]]:
        """The requests that this task sends inside the block."""
        noted: list[Sent] = []
        token = _noted.set(noted)
        try:
            yield noted
        finally:
            _noted.reset(token)

    def address(self) -> str:
        """An address of this machine from which nothing came yet."""
        self._addresses += 1
        return f"127.{self._number}.{self._addresses >> 8}.{self._addresses & 255}"

    def canary(self, what: str) -> str:
        """A word that stands nowhere else."""
        return f"canary-{what}-{secrets.token_hex(6)}"

    async def send(
        self,
        method: str,
        target: str,
        *,
        person: Person | None = None,
        source: str = "",
        headers: Headers = (),
        json: object = None,
        body: bytes = b"",
        later: bool = False,
    ) -> Answer:
        """Send a request, as ``person`` if there is one. See ``Client.send``."""
        known = [person.bearer] if person is not None else []
        sent = await self.site.client.send(
            method,
            target,
            source=source or (person.address if person is not None else self.address()),
            headers=[*known, *headers],
            json=json,
            body=body,
            later=later,
        )
        if (noted := _noted.get()) is not None:
            noted.append(sent)
        return sent.answer

    async def person(self) -> Person:
        """Somebody new, signed in. Nobody may know their password."""
        return await self.site.people.fresh(self.address())

    async def newcomer(self, name: str = "Pat") -> Person:
        """Somebody who has just signed up as everybody does, and in."""
        return await self.site.people.newcomer(self.address(), name)

    async def attacker(self) -> Person:
        """Somebody with an account who means no good: one for all attacks on this site."""
        return await self.site.attacker(self.address())

    async def of_the_target(self, login: str) -> Person:
        """Somebody whom the target itself knows, with roles of their own, signed in."""
        return await self.site.people.of_the_target(login, self.address())

    async def again(self, person: Person) -> Person:
        """The same person, signed in once more, from somewhere new."""
        return await self.site.people.sign_in(replace(person, address=self.address()))

    async def can_sign_in(self, person: Person, source: str = "") -> bool:
        """Whether ``person`` is let in with the right password.

        From ``source``, which may have used up its attempts; else from where they always come.
        """
        proof = {"login": person.login, "client_key": person.key}
        answer = await self.send(
            "POST",
            "/auth/sign-in",
            source=source or person.address,
            json=proof,
            later=bool(source),
        )
        return yes_or_no(answer, no=(401, 429) if source else (401,))

    async def is_there(self, target: str, person: Person) -> bool:
        """Whether ``person`` still finds what is theirs."""
        return yes_or_no(await self.send("GET", target, person=person), no=(404,))

    async def can_renew(self, refresh: str) -> bool:
        """Whether a session lives: its refresh token, as a browser of the site sends it."""
        headers = with_cookie(self.site.origin, refresh)
        return yes_or_no(await self.send("POST", "/auth/refresh", headers=headers), no=(401,))


def yes_or_no(answer: Answer, *, no: Container[int]) -> bool:
    """Whether it was done; "no" has certain statuses, and any other one proves nothing."""
    require(answer.ok or answer.status in no, f"{answer.status}, which is neither yes nor no")
    return answer.ok
