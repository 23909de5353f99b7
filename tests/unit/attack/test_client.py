"""The attacker's HTTP client: its connections."""

from typing import Any

from ringfence.attack.client import Client


class Transport:
    """A transport during whose closing somebody else sends, from an address of their own."""

    def __init__(self, known: dict[str, Any], *more: "Transport") -> None:
        self.known = known
        self.more = more
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True
        self.known.update({f"127.0.0.{len(self.known) + 9}": each for each in self.more})


async def test_closing_ends_also_what_is_opened_meanwhile() -> None:
    known: dict[str, Any] = {}
    late = Transport(known)
    first, second = Transport(known, late), Transport(known)
    known.update({"127.0.0.1": first, "127.0.0.2": second})
    await Client("http://127.0.0.1:1", "key", known).close()
    assert [each.closed for each in (first, second, late)] == [True, True, True]
    assert known == {}
