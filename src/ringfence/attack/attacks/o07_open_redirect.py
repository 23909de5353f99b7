"""O07: a link to the application that ends somewhere else."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urljoin, urlsplit

from ringfence.attack.answer import Answer
from ringfence.attack.client import query
from ringfence.attack.places import Redirect
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_TARGETS: Final = (
    "//evil.example/",
    "https://evil.example/",
    "https:evil.example",
    "HTTP://evil.example",
    "///evil.example",
    "javascript:alert(1)",
)


class OpenRedirect(Attack):
    """Stopped: no redirect leaves the site, in the reading of a browser."""

    id = "O07"
    seam = Redirect
    control = "a redirect stays on the site"
    signs = frozenset({"location.policed"})

    async def prepare(self) -> None:
        """Nobody needs to be signed in."""
        self.redirect = self.ground.place(Redirect)

    async def twin(self) -> None:
        for target in self.redirect.honest:
            answer = await self._sent_on(target)
            require(answer.header("location") == target, f"no redirect to {target}")

    def payloads(self) -> Sequence[Payload]:
        host = urlsplit(self.ground.site.origin).netloc
        targets = (*_TARGETS, f"//{host}@evil.example/")
        return [Payload(target, partial(self._go, target)) for target in targets]

    async def _go(self, target: str) -> bool:
        answer = await self._sent_on(target)
        location = answer.header("location")
        return 300 <= answer.status < 400 and self._leaves(location)  # noqa: PLR2004  # RFC 9110 15.4

    async def _sent_on(self, target: str) -> Answer:
        wanted = query(**{self.redirect.parameter: target})
        return await self.ground.send("GET", self.redirect.path + wanted)

    def _leaves(self, location: str) -> bool:
        """Whether a browser would leave the site (WHATWG URL 4.4)."""
        origin = self.ground.site.origin
        plain = location.strip().replace("\\", "/")
        scheme, colon, rest = plain.partition(":")
        if colon and scheme.isalpha() and scheme.lower() in ("http", "https"):
            plain = f"{scheme.lower()}://{rest.lstrip('/')}"
        elif plain.startswith("//"):
            plain = f"//{plain.lstrip('/')}"
        found = urlsplit(urljoin(origin + self.redirect.path, plain))
        return f"{found.scheme}://{found.netloc}" != origin
