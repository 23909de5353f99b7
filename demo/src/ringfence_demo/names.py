"""A resolver of one's own for the shop that is attacked: names that no DNS knows.

They are those of ``ringfence.attack.outside``: one that leads inside, and those that move from one
address to another between two look-ups, as an attacker's own name server has them do.
"""

import socket
from collections import Counter
from typing import Any, Final

from ringfence.attack.outside import INSIDE, MOVING

_HERE: Final = "127.0.0.1"
_THERE: Final = "127.0.0.2"


class Names:
    """What each name stands for, at this moment."""

    def __init__(self) -> None:
        self._asked: Final[Counter[str]] = Counter()

    def address(self, host: Any) -> Any:  # noqa: ANN401  # whatever a resolver is asked
        """An address in the place of a name of ours; anything else as it is."""
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name == INSIDE:
            return _HERE
        if isinstance(name, str) and name.endswith(MOVING):
            self._asked[name] += 1
            return _HERE if self._asked[name] == 1 else _THERE
        return host


def install() -> None:
    """Have this process, and the loops that it will run, resolve them."""
    names, by_system = Names(), socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:  # noqa: ANN401  # as the system's
        return by_system(names.address(host), *rest, **options)

    socket.getaddrinfo = getaddrinfo
    try:
        import uvloop  # noqa: PLC0415  # asks the system by itself, where it is installed
    except ImportError:
        return
    by_loop = uvloop.Loop.getaddrinfo

    async def look_up(loop: Any, host: Any, *rest: Any, **options: Any) -> Any:  # noqa: ANN401  # as the loop's
        return await by_loop(loop, names.address(host), *rest, **options)

    uvloop.Loop.getaddrinfo = look_up  # pyright: ignore[reportAttributeAccessIssue]  # names it self
