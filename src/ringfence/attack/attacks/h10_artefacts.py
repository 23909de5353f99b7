"""H10: what a deployment leaves lying about, asked for by name.

Once the shop is running, somebody mounts the folder of the deployment, and switches the
documentation on (``ringfence_demo.hurried``).
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

#: Path, and what stands in the file.
_ARTEFACTS: Final = {
    "/files/.env": "canary-env-password",
    "/files/.git/HEAD": "canary-git",
    "/files/backup.sql": "canary-backup",
    "/files/contract.txt": "canary-file-contract",
    "/openapi.json": "/debug/orders",
    "/docs": "openapi.json",
}


class Artefacts(Attack):
    """Stopped: the answer is that on a path which does not exist, but for its request id."""

    id = "H10"

    async def prepare(self) -> None:
        """Nobody needs to be signed in."""

    async def twin(self) -> None:
        answer = await self.ground.send("GET", "/static/shop.css")
        require(answer.ok, f"the shop's own files are not served: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload(path, partial(self._reads, path, text)) for path, text in _ARTEFACTS.items()
        ]

    async def _reads(self, path: str, text: str) -> bool:
        found = await self.ground.send("GET", path)
        missing = await self.ground.send("GET", path + "-missing")
        return found.holds(text) or found.apart_from_its_id() != missing.apart_from_its_id()
