"""H10: what a deployment leaves lying about, asked for by name."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.places import Artefacts
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

DECLARED: Final = "what has no policy is not served"
NAMES: Final = "a public folder serves no leftovers"
LINKS: Final = "no link leads out of a public folder"


class ArtefactProbes(Attack):
    """Stopped: the answer is that on a name which nothing has, but for its request id."""

    id = "H10"

    async def prepare(self) -> None:
        """Nobody needs to be signed in."""
        self.artefacts = self.ground.place(Artefacts)

    async def twin(self) -> None:
        answer = await self.ground.send("GET", self.artefacts.public)
        require(answer.ok, f"what is public is not served: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        places = (
            (self.artefacts.undeclared, DECLARED),
            (self.artefacts.published, NAMES),
            (self.artefacts.linked, LINKS),
        )
        return [
            Payload(path, partial(self._reads, path, text), control)
            for paths, control in places
            for path, text in paths.items()
        ]

    async def _reads(self, path: str, text: str) -> bool:
        found = await self.ground.send("GET", path)
        missing = await self.ground.send("GET", _missing(path))
        return found.holds(text) or found.apart_from_its_id() != missing.apart_from_its_id()


def _missing(path: str) -> str:
    """A name of the same kind in the same folder, which nothing has."""
    folder, _, name = path.rpartition("/")
    bare = name.lstrip(".")
    return f"{folder}/{name[: len(name) - len(bare)]}missing-{bare}"
