"""O08: make it fail, and read what it says about itself."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import query
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

#: Words of a program that talks about itself: code, paths, SQL, libraries, a secret.
_WORDS: Final = (
    "Traceback",
    'File "',
    ".py",
    "sqlalchemy",
    "SELECT ",
    "canary-database-password",
    "pydantic",
    '"loc":',
    '"input":',
)


class VerboseErrors(Attack):
    """Stopped: the answer to each failure is a problem with an id, and nothing of the inside."""

    id = "O08"
    signs = frozenset({"server.error", "error.scrubbed"})

    async def prepare(self) -> None:
        """Nobody needs to be signed in."""

    async def twin(self) -> None:
        for path in ("/products", "/posts"):
            answer = await self.ground.send("GET", path)
            require(answer.ok and "items" in answer.json(), f"no {path}: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        targets = {
            "an exception with a secret": "/boom",
            "a query that fails": "/products" + query(sort="nonsense"),
            "a parameter of another type": "/posts/first",
            "a parameter out of range": "/posts?limit=100000",
        }
        return [Payload(name, partial(self._tells, target)) for name, target in targets.items()]

    async def _tells(self, target: str) -> bool:
        answer = await self.ground.send("GET", target)
        require(not answer.ok, f"{target} does not fail")
        return _talks(answer)


def _talks(answer: Answer) -> bool:
    return any(answer.holds(word) for word in _WORDS)
