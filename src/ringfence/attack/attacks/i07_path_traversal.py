"""I07: out of a folder, to read a file or to write one."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.places import FileName
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

PATH: Final = "a path has one spelling, and a file's name stays below its folder"
NAME: Final = "a file's name is drawn, and stays below its folder"


class PathTraversal(Attack):
    """Stopped: no file of another folder comes back, and the victim's file stays as it was."""

    id = "I07"
    seam = FileName
    control = "a file's name stays below its folder"

    async def prepare(self) -> None:
        ground = self.ground
        self.files = ground.place(FileName)
        self.attacker, self.victim = await ground.attacker(), await ground.person()
        self.canary = ground.canary("note")
        self.own = await self.files.folder(ground, self.attacker, ground.canary("own"))
        self.theirs = await self.files.folder(ground, self.victim, self.canary)

    async def twin(self) -> None:
        for person, folder in ((self.attacker, self.own), (self.victim, self.theirs)):
            answer = await self.files.read(self.ground, person, folder, self.files.name)
            require(answer.ok, f"a file of one's own cannot be read: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        files = self.files
        absolute = self.ground.site.folder / files.secret_name
        climbs = ("../", "./../", "..//")
        return [
            *(
                Payload(f"{climb} again and again", partial(self._climbs, climb))
                for climb in climbs
            ),
            Payload("an absolute path", partial(self._reads, str(absolute))),
            Payload("the victim's folder", self._reads_theirs),
            *self._in_the_path(),
            Payload("a write to the victim's folder", self._writes, NAME),
        ]

    def _in_the_path(self) -> Sequence[Payload]:
        """What servers and handlers decode, once and twice."""
        start = self.files.path(self.own)
        if start is None:
            return []
        names = {
            "../ in the path": "../",
            "%2e%2e%2f in the path": "%2e%2e%2f",
            "%252e%252e%252f in the path": "%252e%252e%252f",
        }
        return [
            Payload(name, partial(self._gets, start, climb), PATH) for name, climb in names.items()
        ]

    async def _gets(self, start: str, climb: str) -> bool:
        target = start + climb * self.files.up + self.files.secret_name
        return (await self.ground.send("GET", target, person=self.attacker)).holds(
            self.files.secret
        )

    async def _climbs(self, climb: str) -> bool:
        return await self._reads(climb * self.files.up + self.files.secret_name)

    async def _reads(self, name: str) -> bool:
        answer = await self.files.read(self.ground, self.attacker, self.own, name)
        return answer.holds(self.files.secret)

    async def _reads_theirs(self) -> bool:
        name = self.files.beside(self.theirs)
        answer = await self.files.read(self.ground, self.attacker, self.own, name)
        return answer.holds(self.canary)

    async def _writes(self) -> bool:
        ground, forged = self.ground, self.ground.canary("forged")
        await self.files.overwrite(ground, self.attacker, self.theirs, forged)
        found = await self.files.read(ground, self.victim, self.theirs, self.files.name)
        return found.holds(forged)
