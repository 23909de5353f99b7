"""O02: a text that runs a script, or leads away, in the browser of whoever reads it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from ringfence.attack.browser import Visit
from ringfence.attack.client import KEY
from ringfence.attack.places import RichText
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

CLEAN: Final = "rich text is cleaned"

_IMAGE: Final = "<img src=x onerror=alert('{word}')>"
#: ``{word}`` is what a script says when it runs.
_BODIES: Final[Mapping[str, str]] = {
    "a script": "<script>alert('{word}')</script>",
    "an image that fails": _IMAGE,
    "SVG": "<svg><animate onbegin=alert('{word}') attributeName=x dur=1s></svg>",
    "a body within a body": "<body onload=alert('{word}')>",
    "details that open": "<details open ontoggle=alert('{word}')><summary>x</summary></details>",
    "a frame with a document": (
        "<iframe srcdoc=\"<script>parent.alert('{word}')</script>\"></iframe>"
    ),
    "a frame with a scheme": "<iframe src=\"javascript:parent.alert('{word}')\"></iframe>",
    "a field with focus": "<input autofocus onfocus=alert('{word}')>",
    "a video without a source": "<video><source onerror=alert('{word}')></video>",
    "style that ends an animation": (
        "<style>@keyframes x{{from{{left:0}}to{{left:1px}}}}</style>"
        "<b style='animation-name:x;animation-duration:1ms;position:relative' "
        "onanimationend=alert('{word}')>x</b>"
    ),
    "a mutation": (
        "<math><mtext><table><mglyph><style><!--</style>"
        "<img title='--&gt;&lt;img src=x onerror=alert(&quot;{word}&quot;)&gt;'>"
        "<img src=x onerror=alert('{word}')>"
    ),
}


class StoredXss(Attack):
    """Stopped: in a real Chromium no script runs, and the reader stays on the page."""

    id = "O02"
    seam = RichText
    control = "rich text is cleaned, and a page runs no inline script"
    patient = True
    apart = True
    signs = frozenset({"html.sanitised"})

    async def prepare(self) -> None:
        self.rich = self.ground.place(RichText)
        self.attacker = await self.ground.attacker()

    async def twin(self) -> None:
        word = self.ground.canary("read")
        path = await self._write(f"<p>I <em>like</em> {word}</p>")
        async with self.ground.site.around.browser.visit(self._key) as visit:
            await visit.page.goto(self.ground.site.client.address + path)
            shown = await visit.page.inner_text(self.rich.selector)
            marked = await visit.page.inner_text(f"{self.rich.selector} em")
        require(word in shown and marked == "like", "an honest text cannot be read")

    def payloads(self) -> Sequence[Payload]:
        return [
            *(Payload(name, partial(self._runs, body)) for name, body in _BODIES.items()),
            Payload("an image that fails, in the title", self._runs_from_the_title),
            Payload("an image that fails, in the writer's name", self._runs_from_the_name),
            Payload("a page that leads away", self._leads_away, CLEAN),
        ]

    async def _runs(self, body: str) -> bool:
        word = self.ground.canary("xss")
        path = await self._write(body.format(word=word))
        return await self._view(path, lambda visit: word in visit.said)

    async def _runs_from_the_title(self) -> bool:
        word = self.ground.canary("xss")
        title = _IMAGE.format(word=word)
        path = await self.rich.write(self.ground, self.attacker, "Hello", title=title)
        return await self._view(path, lambda visit: word in visit.said)

    async def _runs_from_the_name(self) -> bool:
        word = self.ground.canary("xss")
        writer = await self.ground.newcomer(name=_IMAGE.format(word=word))
        path = await self.rich.write(self.ground, writer, "Hello")
        return await self._view(path, lambda visit: word in visit.said)

    async def _leads_away(self) -> bool:
        """No script: a policy for scripts does not stop it."""
        away = f"{self.ground.site.around.trap.address}/{self.ground.canary('away')}"
        path = await self._write(f"<meta http-equiv=refresh content='0;url={away}'>")
        return await self._view(path, lambda visit: visit.page.url == away)

    async def _write(self, body: str) -> str:
        return await self.rich.write(self.ground, self.attacker, body)

    async def _view(self, path: str, happens: Callable[[Visit], bool]) -> bool:
        async with self.ground.site.around.browser.visit(self._key) as visit:
            return await visit.comes_to(self.ground.site.client.address + path, happens)

    @property
    def _key(self) -> tuple[str, str]:
        return KEY, self.ground.site.client.key
