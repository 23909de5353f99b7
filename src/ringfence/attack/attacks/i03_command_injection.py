"""I03: a shell, or another file, behind the name of a picture."""

import base64
from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

_PICTURE: Final = "copper-kettle.png"
_CONTRACT: Final = b"canary-file-contract"  # in the folder above the pictures


class CommandInjection(Attack):
    """Stopped: no marker appears on disk, and nothing but a picture comes back."""

    id = "I03"

    async def prepare(self) -> None:
        self.attacker = await self.ground.attacker()

    async def twin(self) -> None:
        answer = await self._thumbnail(_PICTURE)
        require(answer.ok and answer.holds("data:image/png"), f"no thumbnail: {answer.status}")

    def payloads(self) -> Sequence[Payload]:
        shapes = (
            "{picture};touch {marker}",
            "{picture}|touch {marker}",
            "{picture}&&touch {marker}",
            "$(touch {marker})",
            "`touch {marker}`",
            "{picture}\ntouch {marker}",
        )
        return [
            *(Payload(shape, partial(self._runs, shape)) for shape in shapes),
            Payload("another file", self._reads_another_file),
        ]

    async def _runs(self, shape: str) -> bool:
        marker = self.ground.shop.folder / self.ground.canary("marker")
        await self._thumbnail(shape.format(picture=_PICTURE, marker=marker))
        return marker.exists()

    async def _reads_another_file(self) -> bool:
        answer = await self._thumbnail("../contract.txt")
        return answer.holds(base64.b64encode(_CONTRACT)[:24].decode())

    async def _thumbnail(self, name: str) -> Answer:
        wanted = {"filename": name}
        return await self.ground.send("POST", "/tools/thumbnail", person=self.attacker, json=wanted)
