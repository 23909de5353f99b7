"""O07: a link to the shop that ends somewhere else."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urljoin, urlsplit

from ringfence.attack.client import query
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
    signs = frozenset({"location.policed"})

    async def prepare(self) -> None:
        """Nobody needs to be signed in."""

    async def twin(self) -> None:
        for target in ("/", "/orders?page=2"):
            answer = await self.ground.send("GET", "/go" + query(next=target))
            require(answer.header("location") == target, f"no redirect to {target}")

    def payloads(self) -> Sequence[Payload]:
        host = urlsplit(self.ground.shop.origin).netloc
        targets = (*_TARGETS, f"//{host}@evil.example/")
        return [Payload(target, partial(self._go, target)) for target in targets]

    async def _go(self, target: str) -> bool:
        answer = await self.ground.send("GET", "/go" + query(next=target))
        location = answer.header("location")
        return 300 <= answer.status < 400 and _leaves(location, self.ground.shop.origin)  # noqa: PLR2004  # RFC 9110 15.4


def _leaves(location: str, origin: str) -> bool:
    """Whether a browser at ``origin`` would leave it (WHATWG URL 4.4)."""
    plain = location.strip().replace("\\", "/")
    scheme, colon, rest = plain.partition(":")
    if colon and scheme.isalpha() and scheme.lower() in ("http", "https"):
        plain = f"{scheme.lower()}://{rest.lstrip('/')}"
    elif plain.startswith("//"):
        plain = f"//{plain.lstrip('/')}"
    found = urlsplit(urljoin(origin + "/go", plain))
    return f"{found.scheme}://{found.netloc}" != origin
