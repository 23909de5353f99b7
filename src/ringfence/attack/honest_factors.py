"""Honest use of second factors: an app, its recovery codes, and passkeys."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from ringfence.attack.answer import Answer
from ringfence.attack.authenticator import Authenticator
from ringfence.attack.client import Headers, bearer, browser
from ringfence.attack.ground import Ground
from ringfence.attack.second_factor import Careful
from ringfence.attack.unproven import require

_COOKIE: Final = "__Host-rf_browser"


class Factors:
    """Somebody who uses second factors as they are meant."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def flows(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """As ``Account.flows``."""
        return (self.an_app_is_the_second_step, self.a_passkey_signs_in_and_steps_up)

    async def an_app_is_the_second_step(self) -> None:
        """Shown in a sign-in and a step-up; then new recovery codes, and it is removed."""
        careful = await Careful.of(self.ground)
        entered = await careful.show(await careful.ticket(), careful.code())
        signed_in = _signed_in(entered)
        listed = await self.ground.send("GET", "/auth/factors", headers=signed_in)
        require(listed.holds("totp"), "the app is not in the list")
        again = {"recovery_code": careful.recovery[0]}
        stepped = await self.ground.send("POST", "/auth/step-up", headers=signed_in, json=again)
        signed_in = _signed_in(stepped)
        for method, path in (
            ("POST", "/auth/factors/recovery-codes"),
            ("DELETE", "/auth/factors/totp"),
        ):
            answer = await self.ground.send(method, path, headers=signed_in)
            require(answer.ok, f"{method} {path}: {answer.status}")

    async def a_passkey_signs_in_and_steps_up(self) -> None:
        """Added and named; alone, as a second step, and shown again."""
        person, device = await self.ground.newcomer(), Authenticator(origin=self.ground.site.origin)
        by_password = [bearer(person.access)]
        asked, cookie = await self._options("/auth/factors/passkeys/options", by_password)
        made = {"credential": device.create(asked), "name": "phone"}
        added = await self._send("POST", "/auth/factors/passkeys", [*by_password, *cookie], made)
        path = f"/auth/factors/{added.json()['id']}"
        await self._send("PATCH", path, by_password, {"name": "old phone"})
        asked, cookie = await self._options("/auth/passkey/options", [])
        alone = {"credential": device.get(asked)}
        signed_in = _signed_in(await self._send("POST", "/auth/passkey", cookie, alone))
        asked, cookie = await self._options("/auth/step-up/passkey", signed_in)
        again = {"credential": device.get(asked)}
        await self._send("POST", "/auth/step-up", [*signed_in, *cookie], again)
        proof = {"login": person.login, "client_key": person.key}
        ticket = (await self._send("POST", "/auth/sign-in", [], proof)).json()["ticket"]
        asked, cookie = await self._options("/auth/mfa/passkey", [], {"ticket": ticket})
        second = {"ticket": ticket, "credential": device.get(asked)}
        await self._send("POST", "/auth/mfa", cookie, second)

    async def _options(
        self, path: str, headers: Headers, body: object = None
    ) -> tuple[Any, Headers]:
        """What an authenticator is asked, and the cookie of the browser that asks it."""
        answer = await self._send("POST", path, headers, body)
        given = answer.header("set-cookie").partition(";")[0]
        require(given.startswith(f"{_COOKIE}="), "the browser is given no secret")
        return answer.json(), [("Cookie", given), *browser(self.ground.site.origin)]

    async def _send(self, method: str, path: str, headers: Headers, body: object) -> Answer:
        answer = await self.ground.send(method, path, headers=headers, json=body)
        require(answer.ok, f"{method} {path}: {answer.status} {answer.text[:200]}")
        return answer


def _signed_in(answer: Answer) -> Headers:
    require(answer.ok, f"{answer.status} {answer.text[:200]}")
    return [bearer(str(answer.json()["access_token"]))]
