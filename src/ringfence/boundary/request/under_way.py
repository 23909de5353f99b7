"""Bodies that are being received: how many bytes of them one address may make us hold.

A body is held until all of it is there. A client that opens many requests and finishes none would
fill the memory, although each is within its own limit (CWE-770, ATTACKS H08).
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from ringfence.core.errors import Refused

_RETRY_AFTER: Final = timedelta(seconds=1)


class UnderWay:
    """Counts what is held, by address.

    Args:
        most_bytes: Of unfinished bodies of one address; the number itself is still allowed.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes: Final = most_bytes
        self._held: Final[dict[str, int]] = {}

    @contextmanager
    def body(self, client: str) -> Generator[Callable[[int], None]]:
        """One body of ``client``, until it is read, refused or given up.

        Yields a function to call with the size of each piece. It raises ``body.crowded`` if the
        address makes us hold too much.
        """
        network = _network(client)
        own = 0

        def hold(size: int) -> None:
            nonlocal own
            held = self._held.get(network, 0) + size
            if held > self._most_bytes:
                facts = {"limit": self._most_bytes}
                raise Refused("body.crowded", retry_after=_RETRY_AFTER, facts=facts)
            self._held[network] = held
            own += size

        try:
            yield hold
        finally:
            left = self._held.get(network, 0) - own
            if left:
                self._held[network] = left
            else:
                self._held.pop(network, None)


def _network(client: str) -> str:
    """One subscriber's addresses count together: IPv6 by its /64 (Ledger 18)."""
    try:
        address = ip_address(client)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if isinstance(address, IPv4Address) or mapped is not None:
        return str(mapped or address)
    return str(int(address) >> 64)
