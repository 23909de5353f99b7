"""What an attack stands on: one running shop, addresses to come from, people, and a memory."""

import secrets
import zlib
from collections.abc import Container, Sequence
from dataclasses import replace
from struct import pack
from typing import Any, Final

from ringfence.attack.answer import Answer, Sent
from ringfence.attack.people import Person, with_cookie
from ringfence.attack.shop import Shop
from ringfence.attack.unproven import require

_BOUNDARY: Final = "ringfence-attack"


class Ground:
    """One attack's view of a shop.

    ``number`` sets its addresses apart from those of other attacks: limits and counts that one
    attack exhausts are nothing to the next.
    """

    def __init__(self, shop: Shop, number: int) -> None:
        self.shop: Final = shop
        self.sent: Final[list[Sent]] = []
        self._number: Final = number
        self._addresses = 0

    def address(self) -> str:
        """An address of this machine from which nothing came yet."""
        self._addresses += 1
        return f"127.{self._number}.{self._addresses >> 8}.{self._addresses & 255}"

    def canary(self, what: str) -> str:
        """A word that stands nowhere else."""
        return f"canary-{what}-{secrets.token_hex(6)}"

    async def send(
        self,
        method: str,
        target: str,
        *,
        person: Person | None = None,
        source: str = "",
        headers: Sequence[tuple[str, str]] = (),
        json: object = None,
        body: bytes = b"",
        later: bool = False,
    ) -> Answer:
        """Send a request, as ``person`` if there is one. See ``Client.send``."""
        known = [person.bearer] if person is not None else []
        sent = await self.shop.client.send(
            method,
            target,
            source=source or (person.address if person is not None else self.address()),
            headers=[*known, *headers],
            json=json,
            body=body,
            later=later,
        )
        self.sent.append(sent)
        return sent.answer

    async def person(self) -> Person:
        """Somebody new, signed in."""
        return await self.shop.people.fresh(self.address())

    async def attacker(self) -> Person:
        """Somebody with an account who means no good: one for all attacks on this shop."""
        return await self.shop.attacker(self.address())

    async def seeded(self, name: str) -> Person:
        """One of the shop's seeded accounts, signed in."""
        return await self.shop.people.seeded(name, self.address())

    async def again(self, person: Person) -> Person:
        """The same person, signed in once more, from somewhere new."""
        return await self.shop.people.sign_in(replace(person, address=self.address()))

    async def can_sign_in(self, person: Person, source: str = "") -> bool:
        """Whether ``person`` is let in with the right password.

        From ``source``, which may have used up its attempts; else from where they always come.
        """
        proof = {"login": person.login, "client_key": person.key}
        answer = await self.send(
            "POST",
            "/auth/sign-in",
            source=source or person.address,
            json=proof,
            later=bool(source),
        )
        return yes_or_no(answer, no=(401, 429) if source else (401,))

    async def is_there(self, target: str, person: Person) -> bool:
        """Whether ``person`` still finds what is theirs."""
        return yes_or_no(await self.send("GET", target, person=person), no=(404,))

    async def can_renew(self, refresh: str) -> bool:
        """Whether a session lives: its refresh token, as a browser of the shop's page sends it."""
        headers = with_cookie(self.shop.origin, refresh)
        return yes_or_no(await self.send("POST", "/auth/refresh", headers=headers), no=(401,))

    async def order(self, person: Person, note: str = "") -> dict[str, Any]:
        """An order of somebody."""
        wanted = {"item": "Walnut tray", "quantity": 2, "note": note}
        answer = await self.send("POST", "/orders", person=person, json=wanted)
        require(answer.ok, f"an order cannot be made: {answer.status}")
        order: dict[str, Any] = answer.json()
        return order

    async def upload(self, person: Person, name: str, content: bytes, kind: str) -> Answer:
        """A file that somebody sends."""
        head = (
            f"--{_BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        )
        form = [("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")]
        body = head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return await self.send("POST", "/uploads", person=person, headers=form, body=body)


def yes_or_no(answer: Answer, *, no: Container[int]) -> bool:
    """Whether it was done; "no" has certain statuses, and any other one proves nothing."""
    require(answer.ok or answer.status in no, f"{answer.status}, which is neither yes nor no")
    return answer.ok


def picture(red: int = 90) -> bytes:
    """The smallest image there is: one pixel, as a whole PNG file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    head = pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(bytes((0, red, 60, 60)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
