"""O04: a page of the application inside a page of the attacker's, where clicks are caught."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.client import KEY
from ringfence.attack.places import ActingPage
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_ACCOUNT: Final = "/auth/account"
_FRAME: Final = '<iframe src="{address}"></iframe>'


class Clickjacking(Attack):
    """Stopped: in a real Chromium, no page of another origin shows a page of the application."""

    id = "O04"
    control = "an answer says who may frame it, and no frame of another site gets one"
    patient = True
    apart = True
    silent = True  # the browser refuses, and tells nobody

    async def prepare(self) -> None:
        self.page = self.ground.place(ActingPage)
        self.client, self.around = self.ground.site.client, self.ground.site.around

    async def twin(self) -> None:
        for path in (self.page.path, _ACCOUNT):
            async with self.around.browser.visit((KEY, self.client.key)) as visit:
                answer = await visit.page.goto(self.client.address + path)
                require(answer is not None and answer.ok, f"{path} is not shown")

    def payloads(self) -> Sequence[Payload]:
        tries = {
            "a frame": (_FRAME, self.page.path),
            "a frame with the account": (_FRAME, _ACCOUNT),
            "a frame in a sandbox": (_FRAME.replace(" ", " sandbox ", 1), self.page.path),
            "an object": ('<object data="{address}"></object>', self.page.path),
        }
        return [Payload(name, partial(self._shows, *tried)) for name, tried in tries.items()]

    async def _shows(self, html: str, path: str) -> bool:
        """Whether the page is in the frame. A refusal, and the browser's own page, are not."""
        address = self.client.address + path
        answered = set[str]()
        async with self.around.browser.visit((KEY, self.client.key)) as visit:
            visit.page.on("response", lambda each: answered.add(each.url) if each.ok else None)
            page = self.around.page(html.format(address=address))
            return await visit.comes_to(
                page,
                lambda visit: (
                    address in answered and any(frame.url == address for frame in visit.page.frames)
                ),
            )
