"""I11: input that two parsers read in two ways, or that is not of the kind that was asked for."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import quote

from ringfence.attack.places import JsonBody, SearchText
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

NAMES: Final = "no name stands twice"
FIT: Final = "a body fits what is declared"
TYPE: Final = "a body is of a type that is read"
ONCE: Final = "no parameter stands twice"


class AmbiguousInput(Attack):
    """Stopped: nothing is made by a body that has two readings or breaks the declared rules."""

    id = "I11"

    async def prepare(self) -> None:
        self.body = self.ground.place(JsonBody)
        self.search = self.ground.offered(SearchText)
        self.buyer = await self.ground.person()  # whose list is short, and whole

    async def twin(self) -> None:
        require(await self._makes(f'"{self.body.number}": 2'), "an honest body fails")
        if self.search is not None:
            words = next(iter(self.search.known))
            target = f"{self.search.path}?{self.search.parameter}={quote(words)}"
            found = await self.ground.send("GET", target)
            require(found.ok, f"nothing can be searched: {found.status}")

    def payloads(self) -> Sequence[Payload]:
        number = self.body.number
        disguised = "".join(f"\\u{ord(letter):04x}" for letter in number)
        endings = {
            "one key twice": (f'"{number}": 1, "{number}": {self.body.most // 2}', NAMES),
            "one key twice, escaped": (
                f'"{number}": 1, "{disguised}": {self.body.most // 2}',
                NAMES,
            ),
            "a negative number": (f'"{number}": -5', FIT),
            "a number beyond the rule": (f'"{number}": {self.body.most + 1}', FIT),
            "true for a number": (f'"{number}": true', FIT),
        }
        honest = f'"{number}": 1'
        payloads = [
            *(
                Payload(name, partial(self._makes, ending), control)
                for name, (ending, control) in endings.items()
            ),
            Payload("another type of content", partial(self._makes, honest, "text/plain"), TYPE),
        ]
        if self.search is not None:
            payloads.append(
                Payload("one parameter twice", partial(self._pollutes, self.search), ONCE)
            )
        return payloads

    async def _makes(self, ending: str, kind: str = "application/json") -> bool:
        """Whether a body is made something of, as the buyer finds it afterwards."""
        canary = self.ground.canary("ordered")
        await self.ground.send(
            "POST",
            self.body.path,
            person=self.buyer,
            headers=[("Content-Type", kind)],
            body=f'{{"{self.body.text}": "{canary}", {ending}}}'.encode(),
        )
        found = await self.ground.send("GET", self.body.listing, person=self.buyer)
        require(found.ok, f"the list cannot be read: {found.status}")
        return found.holds(canary)

    async def _pollutes(self, search: SearchText) -> bool:
        first, last = search.known
        parameter = search.parameter
        target = f"{search.path}?{parameter}={quote(first)}&{parameter}={quote(last)}"
        return (await self.ground.send("GET", target)).ok
