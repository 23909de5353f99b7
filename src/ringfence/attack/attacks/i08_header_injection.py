"""I08: a header of the attacker's in the application's answer, or a page of theirs."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import query
from ringfence.attack.places import EchoedHeader
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_HEADER: Final = "x-injected"


class HeaderInjection(Attack):
    """Stopped: the answer has no header, no cookie and no body of the attacker's."""

    id = "I08"
    control = "no header of an answer, and no parameter, holds a control character"
    signs = frozenset({"header.policed"})

    async def prepare(self) -> None:
        """Nobody needs to be signed in."""
        self.echo = self.ground.place(EchoedHeader)

    async def twin(self) -> None:
        answer = await self._send(self.echo.honest)
        said = answer.header(self.echo.header)
        require(answer.ok and said == self.echo.honest, f"{answer.status}, it says {said!r}")

    def payloads(self) -> Sequence[Payload]:
        return [
            Payload("a header", partial(self._adds, "\r\n")),
            Payload("a header, after a line feed alone", partial(self._adds, "\n")),
            Payload("a cookie", self._sets_a_cookie),
            Payload("the end of the head, and a page", self._answers),
        ]

    async def _adds(self, ending: str) -> bool:
        canary = self.ground.canary("header")
        answer = await self._send(f"de{ending}{_HEADER}: {canary}")
        return answer.header(_HEADER) == canary

    async def _sets_a_cookie(self) -> bool:
        canary = self.ground.canary("cookie")
        answer = await self._send(f"de\r\nSet-Cookie: session={canary}")
        return ("set-cookie", f"session={canary}") in answer.headers

    async def _answers(self) -> bool:
        page = f"<h1>{self.ground.canary('page')}</h1>"
        answer = await self._send(f"de\r\n\r\n{page}")
        return answer.text.startswith(page)

    async def _send(self, value: str) -> Answer:
        target = self.echo.path + query(**{self.echo.parameter: value})
        return await self.ground.send("GET", target)
