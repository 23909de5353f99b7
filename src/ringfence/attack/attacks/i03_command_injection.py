"""I03: a shell, or another file, behind the argument of a program."""

from collections.abc import Sequence
from functools import partial

from ringfence.attack.answer import Answer
from ringfence.attack.places import CommandArgument
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require


class CommandInjection(Attack):
    """Stopped: no marker is on disk, no other file comes back, no option gets to the program."""

    id = "I03"
    control = "a program gets a list of arguments, of a declared shape"

    async def prepare(self) -> None:
        self.command = self.ground.place(CommandArgument)
        self.attacker = await self.ground.attacker()

    async def twin(self) -> None:
        argument, expected = self.command.honest
        answer = await self._run(argument)
        require(answer.ok and answer.holds(expected), f"the program fails: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        shapes = (
            "{honest};touch {marker}",
            "{honest}|touch {marker}",
            "{honest}&&touch {marker}",
            "$(touch {marker})",
            "`touch {marker}`",
            "{honest}\ntouch {marker}",
        )
        return [
            *(Payload(shape, partial(self._touches, shape)) for shape in shapes),
            Payload("another file", partial(self._shows, *self.command.outside)),
            Payload("an option of the program", partial(self._shows, *self.command.option)),
        ]

    async def _touches(self, shape: str) -> bool:
        marker = self.ground.site.folder / self.ground.canary("marker")
        await self._run(shape.format(honest=self.command.honest[0], marker=marker))
        return marker.exists()

    async def _shows(self, argument: str, text: str) -> bool:
        return (await self._run(argument)).holds(text)

    async def _run(self, argument: str) -> Answer:
        return await self.command.run(self.ground, self.attacker, argument)
