"""H08: little to send, much to read."""

import gzip
import json
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Final

from ringfence.attack.answer import Answer
from ringfence.attack.client import more_files, query
from ringfence.attack.picture import picture
from ringfence.attack.places import JsonBody, SearchText, Upload
from ringfence.attack.plan import Attack, Payload
from ringfence.attack.unproven import require

HEAD: Final = "the headers are counted"
PARAMETERS: Final = "the parameters of a query are counted"
BODY: Final = "the size of a body is bounded"
PARTS: Final = "the parts of a form are counted"
SHAPE: Final = "depth and values of JSON are bounded, and it fits what is declared"
ENCODING: Final = "no body is compressed, and it is JSON"
OWN_BODY: Final = "a message to the auth service is small, and so is a password"

_HEADERS: Final = 200
_PAIRS: Final = 150
_PARTS: Final = 400
_DEPTH: Final = 100_000
_VALUES: Final = 300_000
_LARGE: Final = 2_000_000  # bytes
_MEGABYTE: Final = 1_000_000


class ResourceBombs(Attack):
    """Stopped: the answer is a 4xx. One that is done, or fails with a 5xx, got through.

    How much memory and time is spent on it is not measured.
    """

    id = "H08"
    breaks = True

    async def prepare(self) -> None:
        ground = self.ground
        self.body, self.search = ground.place(JsonBody), ground.offered(SearchText)
        self.uploads = ground.offered(Upload)
        self.buyer = await ground.newcomer()  # who knows their password

    async def twin(self) -> None:
        answer = await self._post(self._honest())
        require(answer.ok, f"an honest body fails: {answer.status}")
        if self.uploads is not None:
            kept = await self._upload(b"")
            require(kept.ok, f"an honest file fails: {kept.status}")

    def payloads(self) -> Sequence[Payload]:
        nested, wide = "[" * _DEPTH + "]" * _DEPTH, f"[{'0,' * _VALUES}0]"
        payloads = [
            Payload(f"{_HEADERS} headers", self._headers, HEAD),
            Payload("JSON of 100,000 levels", partial(self._posts, nested), SHAPE),
            Payload("JSON of 300,000 values", partial(self._posts, wide), SHAPE),
        ]
        if self.body.unpacks:
            payloads.append(Payload("a megabyte in a kilobyte of gzip", self._packs, ENCODING))
        if self.search is not None:
            searching = partial(self._searches, self.search)
            payloads.append(Payload(f"{_PAIRS} parameters", searching, PARAMETERS))
        if self.uploads is not None:
            large, many = more_files(1, _LARGE), more_files(_PARTS, 1)
            payloads += [
                Payload("a body of two megabytes", partial(self._sends, large), BODY),
                Payload(f"a form of {_PARTS} files", partial(self._sends, many), PARTS),
            ]
        # The last: where it gets through, the buyer's older tokens are dead.
        payloads.append(Payload("a password of a megabyte", self._password, OWN_BODY))
        return payloads

    async def _headers(self) -> bool:
        headers = [(f"X-Nothing-{number}", "x") for number in range(_HEADERS)]
        return _let_in(
            await self.ground.send("GET", self.body.listing, person=self.buyer, headers=headers)
        )

    async def _searches(self, search: SearchText) -> bool:
        values = {f"p{number}": "x" for number in range(_PAIRS)}
        words = {search.parameter: next(iter(search.known))}
        return _let_in(await self.ground.send("GET", search.path + query(**words, **values)))

    async def _posts(self, bomb: str) -> bool:
        return _let_in(await self._post(self._honest()[:-1] + f', "bomb": {bomb}}}'))

    async def _packs(self) -> bool:
        padded = self._honest().encode() + b" " * _MEGABYTE
        return _let_in(await self._post(gzip.compress(padded), ("Content-Encoding", "gzip")))

    async def _password(self) -> bool:
        change = {"current": self.buyer.password, "new": secrets.token_hex(_MEGABYTE // 2)}
        somebody = await self.ground.again(self.buyer)
        return _let_in(
            await self.ground.send("POST", "/auth/password/change", person=somebody, json=change)
        )

    async def _sends(self, parts: bytes) -> bool:
        return _let_in(await self._upload(parts))

    async def _upload(self, parts: bytes) -> Answer:
        """Send an honest picture, and more parts of the same form."""
        content, uploads = picture() + parts, self.ground.place(Upload)
        return await uploads.keep(self.ground, self.buyer, "cup.png", content, "image/png")

    def _honest(self) -> str:
        return json.dumps({self.body.text: self.ground.canary("item"), self.body.number: 1})

    async def _post(self, body: str | bytes, *headers: tuple[str, str]) -> Answer:
        return await self.ground.send(
            "POST",
            self.body.path,
            person=self.buyer,
            headers=[("Content-Type", "application/json"), *headers],
            body=body.encode() if isinstance(body, str) else body,
        )


def _let_in(answer: Answer) -> bool:
    return not 400 <= answer.status < 500  # noqa: PLR2004  # RFC 9110 15.5
