"""O03: a file that is a page, kept as a picture, and opened by whoever was sent it."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import KEY
from ringfence.attack.picture import picture
from ringfence.attack.places import Upload
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_SCRIPT: Final = "<script>alert('{word}')</script>"
#: Name, stated type, and content; ``{word}`` is what a script says when it runs.
_FILES: Final = {
    "SVG": (
        "cup.svg",
        "image/svg+xml",
        '<svg xmlns="http://www.w3.org/2000/svg">' + _SCRIPT + "</svg>",
    ),
    "SVG that loads": (
        "cup.svg",
        "image/svg+xml",
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(\'{word}\')"/>',
    ),
    "HTML by the name of a picture": ("cup.png", "text/html", f"<!doctype html>{_SCRIPT}"),
    "a GIF that is HTML too": ("cup.gif", "text/html", f"GIF89a/*<!doctype html>{_SCRIPT}*/"),
    "XHTML": (
        "cup.xhtml",
        "application/xhtml+xml",
        '<html xmlns="http://www.w3.org/1999/xhtml"><body>' + _SCRIPT + "</body></html>",
    ),
}


class ActiveUpload(Attack):
    """Stopped: the file is not kept, or in a real Chromium nothing of it runs."""

    id = "O03"
    seam = Upload
    control = "a file is one whole image, and is saved and not shown"
    patient = True
    apart = True

    async def prepare(self) -> None:
        self.uploads = self.ground.place(Upload)
        self.victim = await self.ground.person()

    async def twin(self) -> None:
        kept = await self._keep("cup.png", picture(), "image/png")
        require(kept.ok, f"a picture is not kept: {kept.status}")
        found = await self.ground.send("GET", self.uploads.path(kept), person=self.victim)
        require(found.body == picture(), "another picture comes back")

    def payloads(self) -> Sequence[Payload]:
        return [Payload(name, partial(self._runs, *file)) for name, file in _FILES.items()]

    async def _runs(self, name: str, kind: str, content: str) -> bool:
        ground, word = self.ground, self.ground.canary("upload")
        kept = await self._keep(f"{word}-{name}", content.format(word=word).encode(), kind)
        if not kept.ok:
            return False
        path = self.uploads.path(kept)
        found = await ground.send("GET", path, person=self.victim)
        require(found.ok, f"what is kept cannot be read: {found.status}")
        browser, client = ground.site.around.browser, ground.site.client
        async with browser.visit((KEY, client.key), self.victim.bearer) as visit:
            return await visit.comes_to(client.address + path, lambda visit: word in visit.said)

    async def _keep(self, name: str, content: bytes, kind: str) -> Answer:
        return await self.uploads.keep(self.ground, self.victim, name, content, kind)
