"""O06: a page of another origin that reads what the application answers its user."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.client import KEY
from ringfence.attack.picture import picture
from ringfence.attack.places import Record, Upload
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

READERS: Final = "only listed origins may read answers"
EMBEDDING: Final = "no other origin may embed answers"

_ALLOWED: Final = "access-control-allow-origin"
#: Each says by the page's title whether it has read ``{address}``.
_FETCHING: Final = """<script>
fetch("{address}", {credentials: "include"}).then(answer => answer.text()).then(
  text => document.title = text.includes("{canary}") ? "through" : "empty",
  () => document.title = "stopped")
</script>"""
_EMBEDDING: Final = (
    '<img src="{address}" onload="document.title = \'through\'"'
    " onerror=\"document.title = 'stopped'\">"
)


class CrossOrigin(Attack):
    """Stopped: no answer names an origin that is not listed.

    In a real Chromium, a page of another origin reads nothing, and shows no picture of somebody's.
    """

    id = "O06"
    patient = True
    apart = True
    signs = frozenset({"header.policed"})

    async def prepare(self) -> None:
        ground = self.ground
        self.records, self.uploads = ground.place(Record), ground.place(Upload)
        self.victim, self.canary = await ground.person(), ground.canary("note")
        await self.records.create(ground, self.victim, self.canary)
        kept = await self.uploads.keep(ground, self.victim, "cup.png", picture(), "image/png")
        require(kept.ok, f"a picture is not kept: {kept.status}")
        self.picture = self.uploads.path(kept)

    async def twin(self) -> None:
        origin = self.ground.site.origin
        headers = [("Origin", origin)]
        listed = await self.ground.send(
            "GET", self.records.listing, person=self.victim, headers=headers
        )
        require(listed.holds(self.canary), f"nothing is listed: {listed.status}")
        found = await self.ground.send("GET", self.picture, person=self.victim)
        require(found.body == picture(), f"there is no picture: {found.status}")

    def payloads(self) -> Sequence[Payload]:
        origin = self.ground.site.origin
        origins = ("https://evil.example", "null", f"{origin}.evil.example")
        return [
            *(Payload(each, partial(self._is_named, each), READERS) for each in origins),
            Payload("a script of another origin", self._reads, READERS),
            Payload("a picture on a page of another origin", self._embeds, EMBEDDING),
        ]

    async def _is_named(self, origin: str) -> bool:
        answer = await self.ground.send(
            "GET", self.records.listing, person=self.victim, headers=[("Origin", origin)]
        )
        return answer.header(_ALLOWED) in (origin, "*")

    async def _reads(self) -> bool:
        return await self._page(_FETCHING, self.records.listing)

    async def _embeds(self) -> bool:
        return await self._page(_EMBEDDING, self.picture)

    async def _page(self, html: str, path: str) -> bool:
        """Have the victim open a page, and wait until it says what came of it."""
        site = self.ground.site
        written = html.replace("{address}", site.client.address + path)
        page = site.around.page(written.replace("{canary}", self.canary))
        async with site.around.browser.visit() as visit:
            await visit.carry(site.client.address, (KEY, site.client.key), self.victim.bearer)
            await visit.page.goto(page)
            await visit.page.wait_for_function("document.title != ''")
            return await visit.page.title() == "through"
