"""O05: another page sends a request with the victim's cookie.

Ports of one machine share cookies, and a page on another one is ``same-site``: the browser sends
even a ``Strict`` cookie along (measured). So these are the very heads that a browser sends. A page
of another site is opened in a real Chromium, which decides itself what goes along.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.client import KEY
from ringfence.attack.people import COOKIE, refresh_token, with_cookie
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

TYPE: Final = "a request comes from the site's own pages, with JSON"
SAME_SITE: Final = "no other site's request has the cookie, or changes something"

_SIGN_OUT: Final = "/auth/sign-out"
#: Says by the page's title that there was an answer, or one that it may not read.
_AT_ONCE: Final = """<script>
fetch("{address}", {method: "POST", mode: "no-cors", credentials: "include"}).then(
  () => document.title = "answered", () => document.title = "answered")
</script>"""
_FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")
_TEXT: Final = ("Content-Type", "text/plain")
#: Of a page that a neighbour serves: a form, a text, and one whose browser tells its origin only.
_HEADS: Final = {
    "a form of a neighbour": [
        ("Origin", "http://127.0.0.1:1"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        _FORM,
    ],
    "a script of a neighbour": [
        ("Origin", "http://127.0.0.1:1"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "empty"),
        _TEXT,
    ],
    "a page without an origin": [("Origin", "null"), ("Sec-Fetch-Site", "cross-site"), _FORM],
    "an old browser": [("Origin", "http://127.0.0.1:1"), _FORM],
    "a browser that tells nothing": [_FORM],
}


class Csrf(Attack):
    """Stopped: the victim is still signed in, and not signed in as somebody else."""

    id = "O05"
    control = "a request that changes something comes from the site's own pages"

    async def prepare(self) -> None:
        self.victim, self.attacker = await self.ground.person(), await self.ground.attacker()

    async def twin(self) -> None:
        session = await self.ground.again(self.victim)
        headers = with_cookie(self.ground.site.origin, session.refresh)
        answer = await self.ground.send("POST", _SIGN_OUT, headers=headers)
        require(answer.ok, f"nobody can sign out: {answer.status}")
        require(not await self.ground.can_renew(session.refresh), "a sign-out does nothing")

    def payloads(self) -> Sequence[Payload]:
        return [
            *(Payload(name, partial(self._signs_out, head)) for name, head in _HEADS.items()),
            Payload("a sign-in as the attacker", self._signs_in, TYPE),
            Payload("a script of another site, in a browser", self._asks, SAME_SITE),
        ]

    async def _signs_out(self, head: Sequence[tuple[str, str]]) -> bool:
        session = await self.ground.again(self.victim)
        headers = [*head, ("Cookie", f"{COOKIE}={session.refresh}")]
        await self.ground.send("POST", _SIGN_OUT, headers=headers)
        return not await self.ground.can_renew(session.refresh)

    async def _asks(self) -> bool:
        """The victim's browser has the cookie as the application set it."""
        site, proof = self.ground.site, {"login": self.victim.login, "client_key": self.victim.key}
        answer = await self.ground.send("POST", "/auth/sign-in", json=proof)
        refresh, address = refresh_token(answer), site.client.address
        key, own = (KEY, site.client.key), ("X-Browser", self.ground.canary("browser"))
        async with site.around.browser.visit(key, own) as visit:
            await visit.set_cookie(address, answer.header("set-cookie"))
            kept = await visit.page.context.cookies(address)
            require([each.get("value") for each in kept] == [refresh], "the cookie is not kept")
            html = _AT_ONCE.replace("{address}", address + _SIGN_OUT)
            async with visit.page.expect_request(address + _SIGN_OUT):
                await visit.page.goto(site.around.page_of_another_site(html))
                await visit.page.wait_for_function("document.title != ''")
        return not await self.ground.can_renew(refresh)

    async def _signs_in(self) -> bool:
        """What the victim does from here on, the attacker's account keeps."""
        proof = {"login": self.attacker.login, "client_key": self.attacker.key}
        head, body = _HEADS["a script of a neighbour"], json.dumps(proof).encode()
        answer = await self.ground.send("POST", "/auth/sign-in", headers=head, body=body)
        return bool(refresh_token(answer))
