"""O08: make it fail, and read what it says about itself."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.places import Failures
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

#: Words of a program that talks about itself: code, paths, SQL, libraries.
_WORDS: Final = (
    "Traceback",
    'File "',
    ".py",
    "sqlalchemy",
    "SELECT ",
    "pydantic",
    '"loc":',
    '"input":',
)


class VerboseErrors(Attack):
    """Stopped: the answer to each failure is a problem with an id, and nothing of the inside."""

    id = "O08"
    control = "an error says its id only"
    breaks = True
    signs = frozenset({"server.error", "error.scrubbed"})

    async def prepare(self) -> None:
        """Nobody needs to be signed in."""
        self.failures = self.ground.place(Failures)

    async def twin(self) -> None:
        for path in self.failures.honest:
            answer = await self.ground.send("GET", path)
            require(answer.ok, f"{path}: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        targets = self.failures.targets.items()
        return [Payload(name, partial(self._tells, target)) for name, target in targets]

    async def _tells(self, target: str) -> bool:
        answer = await self.ground.send("GET", target)
        require(not answer.ok, f"{target} does not fail")
        return any(answer.holds(word) for word in (*_WORDS, *self.failures.words))
