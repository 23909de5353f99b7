"""Honest use of an application. It must work whatever is switched off.

An attack that is stopped where nothing works is no achievement, so all of this runs in every
configuration, and what fails there counts as a failure of the whole. Here is what every target has,
Ringfence's own ``/auth``; a target adds its routes (``Target.checks``).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ringfence.attack.ablation import Benign
from ringfence.attack.answer import Answer
from ringfence.attack.ground import Ground
from ringfence.attack.honest_factors import Factors
from ringfence.attack.people import Person, refresh_token, with_cookie
from ringfence.attack.target import Check, Target
from ringfence.attack.unproven import SURPRISES, UnprovenError, reason, require

_TOO_EASY: Final = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A GET, what it answers, and a word that stands in the answer."""

    target: str
    word: str = ""
    status: int = 200
    signed_in: bool = False

    def check(self, ground: Ground, person: Person) -> Check:
        """As a check; ``person`` reads what only somebody signed in may."""
        return Check(f"GET {self.target}", partial(self._run, ground, person))

    async def _run(self, ground: Ground, person: Person) -> None:
        answer = await ground.send("GET", self.target, person=person if self.signed_in else None)
        require(answer.status == self.status, f"{answer.status}, not {self.status}")
        require(answer.holds(self.word), f"{self.word} is not there")
        require(bool(answer.request_id), "no request id")


READS: Final = (
    Read(target="/auth/me", word="aal", signed_in=True),
    Read(target="/auth/sessions", word="current", signed_in=True),
    Read(target="/auth/config", word="argon2id"),
    Read(target="/.well-known/jwks.json", word="P-256"),
    Read(target="/healthz"),
    Read(target="/readyz"),
    Read(target="/auth/sign-in", word="<form"),
    Read(target="/auth/sign-up", word="<form"),
    Read(target="/auth/forgot", word="<form"),
    Read(target="/auth/verify-email", word="<form"),
    Read(target="/auth/reset", word="<form"),
    Read(target="/auth/account", word="<html"),
    Read(target="/auth/static/auth.js"),
    Read(target="/auth/static/ringfence.css"),
)


async def check_all(target: Target, ground: Ground) -> Benign:
    """Run every check on one running ``target``."""
    try:
        person = await ground.newcomer()
    except (UnprovenError, *SURPRISES) as error:
        return Benign(passed=0, failures=(f"an account is made: {reason(error)}",))
    checks = [
        *target.checks(ground, person),
        *(read.check(ground, person) for read in READS),
        *flows(*Account(ground, person).flows()),
        *flows(*Factors(ground).flows()),
    ]
    passed, failures = 0, list[str]()
    for check in checks:
        try:
            await check.run()
            passed += 1
        except (UnprovenError, *SURPRISES) as error:
            failures.append(f"{check.name}: {reason(error)}")
    return Benign(passed=passed, failures=tuple(failures))


def flows(*methods: Callable[[], Awaitable[None]]) -> Sequence[Check]:
    """What takes more than one request, as checks: the name of each method says what works."""
    return [Check(each.__name__.replace("_", " "), each) for each in methods]


class Account:
    """Somebody who uses ``/auth`` as it is meant."""

    def __init__(self, ground: Ground, person: Person) -> None:
        self.ground = ground
        self.person = person

    def flows(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Everything below, each a check of its own; raises ``UnprovenError`` if it fails."""
        return (
            self.prelogin_is_the_same_each_time,
            self.a_password_signs_in,
            self.a_wrong_password_does_not,
            self.a_session_is_renewed,
            self.a_lost_answer_is_repeated,
            self.somebody_signs_out,
            self.somebody_signs_out_everywhere,
            self.a_session_is_ended_from_the_list,
            self.a_password_is_changed,
            self.a_forgotten_password_is_replaced,
        )

    async def prelogin_is_the_same_each_time(self) -> None:
        asked = {"login": f"{self.ground.canary('nobody')}@example.net"}
        first, second = [
            await self.ground.send("POST", "/auth/prelogin", json=asked) for _ in range(2)
        ]
        require(first.ok and first.json() == second.json(), f"{first.status}")

    async def a_password_signs_in(self) -> None:
        known = {"login": self.person.login, "password": self.person.password}
        answer = await self.ground.send("POST", "/auth/sign-in", json=known)
        require(answer.ok and answer.json()["expires_in"] > 0, f"{answer.status}")

    async def a_wrong_password_does_not(self) -> None:
        wrong = {"login": "nobody@example.net", "password": "violet kettle orbits"}
        answer = await self.ground.send("POST", "/auth/sign-in", json=wrong)
        require(answer.status == 401, f"{answer.status}")  # noqa: PLR2004  # RFC 9110

    async def a_session_is_renewed(self) -> None:
        session = await self.ground.again(self.person)
        answer = await self._renew(session.refresh)
        again = await self._renew(refresh_token(answer))
        require(answer.ok and again.ok, f"{answer.status} {again.status}")

    async def a_lost_answer_is_repeated(self) -> None:
        session = await self.ground.again(self.person)
        answers = [await self._renew(session.refresh) for _ in range(2)]
        require(all(answer.ok for answer in answers), f"{[a.status for a in answers]}")

    async def somebody_signs_out(self) -> None:
        session = await self.ground.again(self.person)
        headers = with_cookie(self.ground.site.origin, session.refresh)
        answer = await self.ground.send("POST", "/auth/sign-out", headers=headers)
        require(answer.ok, f"{answer.status}")
        require(not (await self._renew(session.refresh)).ok, "the session lives on")

    async def somebody_signs_out_everywhere(self) -> None:
        somebody = await self.ground.person()
        answer = await self.ground.send("POST", "/auth/sign-out-everywhere", person=somebody)
        require(answer.ok, f"{answer.status}")
        require(await self.ground.can_sign_in(somebody), "nobody can sign in any more")

    async def a_session_is_ended_from_the_list(self) -> None:
        session, other = [await self.ground.again(self.person) for _ in range(2)]
        listed = (await self.ground.send("GET", "/auth/sessions", person=other)).json()["items"]
        (current,) = [each["id"] for each in listed if each["current"]]
        path = f"/auth/sessions/{current}"
        answer = await self.ground.send("DELETE", path, person=session)
        require(answer.ok, f"{answer.status}")
        require(not (await self._renew(other.refresh)).ok, "the session lives on")

    async def a_password_is_changed(self) -> None:
        somebody = await self.ground.newcomer()

        async def change(new: str) -> Answer:
            asked = {"current": somebody.password, "new": new}
            return await self.ground.send(
                "POST", "/auth/password/change", person=somebody, json=asked
            )

        answer, _ = await _until_it_is_good(change, somebody.password)
        require(answer.ok and bool(answer.json()["access_token"]), f"{answer.status}")

    async def a_forgotten_password_is_replaced(self) -> None:
        ground, somebody = self.ground, await self.ground.person()
        asked = await ground.send("POST", "/auth/password/forgot", json={"login": somebody.login})
        require(asked.ok, f"{asked.status}")
        _, token = await ground.site.people.mailbox.link(somebody.login)

        async def replace(new: str) -> Answer:
            proof = {"token": token, "password": new}
            return await ground.send("POST", "/auth/password/reset", json=proof)

        answer, new = await _until_it_is_good(replace, self.person.password)
        require(answer.ok, f"{answer.status}")
        known = {"login": somebody.login, "password": new}
        require((await ground.send("POST", "/auth/sign-in", json=known)).ok, "it does not fit")

    async def _renew(self, refresh: str) -> Answer:
        headers = with_cookie(self.ground.site.origin, refresh)
        return await self.ground.send("POST", "/auth/refresh", headers=headers)


async def _until_it_is_good(
    choose: Callable[[str], Awaitable[Answer]], old: str
) -> tuple[Answer, str]:
    """Choose another password where the blocklist takes one in a thousand for a known one."""
    new = f"{old} anew"
    answer = await choose(new)
    for word in ("again", "afresh"):
        if answer.status != _TOO_EASY:
            break
        new = f"{old} {word}"
        answer = await choose(new)
    return answer, new
