"""H10: what a deployment leaves lying about, asked for by name."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.places import Artefacts
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class ArtefactProbes(Attack):
    """Stopped: the answer is that on a path which does not exist, but for its request id."""

    id = "H10"

    async def prepare(self) -> None:
        """Nobody needs to be signed in."""
        self.artefacts = self.ground.place(Artefacts)

    async def twin(self) -> None:
        answer = await self.ground.send("GET", self.artefacts.public)
        require(answer.ok, f"what is public is not served: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        found = self.artefacts.paths.items()
        return [Payload(path, partial(self._reads, path, text)) for path, text in found]

    async def _reads(self, path: str, text: str) -> bool:
        found = await self.ground.send("GET", path)
        missing = await self.ground.send("GET", path + "-missing")
        return found.holds(text) or found.apart_from_its_id() != missing.apart_from_its_id()
