"""I09: a line in the log that nobody wrote, and words that a terminal obeys."""

import json
from collections.abc import Sequence
from functools import partial

from ringfence.attack.client import query
from ringfence.attack.places import Failure
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class LogInjection(Attack):
    """Stopped: no line of the log begins with the forgery, and no escape character is in it.

    The log is read as a file, as an operator's tools read it.
    """

    id = "I09"
    control = "a line of the log holds no control character"
    breaks = True
    silent = True  # what the log does to a text is told by no event of its own

    async def prepare(self) -> None:
        self.log = self.ground.site.log
        self.failure = self.ground.place(Failure)

    async def twin(self) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        answer = await self.ground.send("GET", self.failure.path + query(note="hello"))
        require(answer.status == 500, f"nothing fails: {answer.status}")  # noqa: PLR2004  # RFC 9110
        require(self.log.stat().st_size > before, "a failure is not logged")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload("line feed", partial(self._forges, "\n")),
            Payload("carriage return and line feed", partial(self._forges, "\r\n")),
            Payload("two line feeds", partial(self._forges, "\n\n")),
            Payload("escape sequence", self._escapes),
        ]

    async def _forges(self, ending: str) -> bool:
        forged = json.dumps({"code": "signin.done", "subject": self.ground.canary("forged")})
        await self.ground.send("GET", self.failure.path + query(note=f"x{ending}{forged}{ending}"))
        return any(line.startswith(forged) for line in self._lines())

    async def _escapes(self) -> bool:
        canary = self.ground.canary("escape")
        await self.ground.send("GET", self.failure.path + query(note=f"\x1b[2J{canary}"))
        return any(f"\x1b[2J{canary}" in line for line in self._lines())

    def _lines(self) -> list[str]:
        return self.log.read_bytes().decode("utf-8", "replace").splitlines()
