"""D01: an access token that should be dead, shown again."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.ground import yes_or_no
from ringfence.attack.people import Person, with_cookie
from ringfence.attack.places import AdminAction
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import UnprovenError, require


class DeadSessions(Attack):
    """Stopped: the next request with the token is refused."""

    id = "D01"
    control = "an ended session, or an older version of an account, is refused"
    patient = True

    async def prepare(self) -> None:
        ground = self.ground
        self.victim, self.doomed = await ground.person(), await ground.person()
        self.careful = await ground.newcomer()  # who knows their password
        self.accounts = ground.offered(AdminAction)

    async def twin(self) -> None:
        session = await self._session()
        answer = await self.ground.send("POST", "/auth/sign-out", person=session)
        require(answer.ok, f"nobody can sign out: {answer.status}")
        require(await self._is_let_in(await self._session()), "nobody can sign in again")

    def payloads(self) -> Sequence[Payload]:
        payloads = [
            Payload("after a sign-out", self._after_sign_out),
            Payload("after a sign-out by cookie", self._after_cookie),
            Payload("after a sign-out everywhere", self._after_everywhere),
            Payload("after the password changed", self._after_change),
        ]
        if self.accounts is not None:
            closing = partial(self._after_closing, self.accounts)
            payloads.append(Payload("after the account was closed", closing))
        return payloads

    async def _after_sign_out(self) -> bool:
        session = await self._session()
        await self._do("POST", "/auth/sign-out", session)
        return await self._is_let_in(session)

    async def _after_cookie(self) -> bool:
        session = await self._session()
        headers = with_cookie(self.ground.site.origin, session.refresh)
        answer = await self.ground.send("POST", "/auth/sign-out", headers=headers)
        require(answer.ok, f"nobody can sign out: {answer.status}")
        return await self._is_let_in(session)

    async def _after_everywhere(self) -> bool:
        session, other = await self._session(), await self._session()
        await self._do("POST", "/auth/sign-out-everywhere", other)
        return await self._is_let_in(session)

    async def _after_change(self) -> bool:
        for word in ("again", "afresh"):  # one in a thousand looks like a common one
            change = {"current": self.careful.password, "new": f"{self.careful.password} {word}"}
            answer = await self.ground.send(
                "POST", "/auth/password/change", person=self.careful, json=change
            )
            if answer.ok:
                return await self._is_let_in(self.careful)
        raise UnprovenError("the password cannot be changed")

    async def _after_closing(self, accounts: AdminAction) -> bool:
        await self._do("DELETE", accounts.path(self.doomed), await accounts.highest(self.ground))
        return await self._is_let_in(self.doomed)

    async def _do(self, method: str, path: str, person: Person) -> None:
        answer = await self.ground.send(method, path, person=person)
        require(answer.ok, f"{method} {path}: {answer.status}")

    async def _is_let_in(self, session: Person) -> bool:
        return yes_or_no(await self.ground.send("GET", "/auth/me", person=session), no=(401,))

    async def _session(self) -> Person:
        return await self.ground.again(self.victim)
