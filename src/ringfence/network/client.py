"""The address of the client: the peer, or what declared proxies say of it.

``X-Forwarded-For`` is believed from declared proxies alone, and read from the right: every proxy
appends the address it saw, so the first one from the right that is no declared proxy is the
client. Everything further left was sent by the client and cannot be trusted (Ledger 18).
"""

import ipaddress
from collections.abc import Iterable
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

#: What stands for a client whose address is not known; it is limited like any other (Ledger 20).
UNKNOWN: Final = "unknown"

#: More hops than any real chain has: what lies beyond is not read.
_MOST_HOPS: Final = 16


def client_address(
    peer: str | None, forwarded: Iterable[bytes], proxies: tuple[Network, ...]
) -> str:
    """The canonical address of the client.

    Args:
        peer: Address of the other end of the connection; None on a Unix socket.
        forwarded: Values of the ``X-Forwarded-For`` headers, in order.
        proxies: Networks of the declared proxies.

    Returns:
        An address in canonical spelling, IPv4-mapped ones unwrapped; ``unknown`` if the peer has
        none or a declared proxy forwarded something that is no address.
    """
    client = parse_address(peer or "")
    if client is None:
        return UNKNOWN
    if not _is_proxy(client, proxies):
        return str(client)
    hops = b",".join(forwarded).decode("latin-1").split(",")
    for hop in hops[: -_MOST_HOPS - 1 : -1]:
        if not hop.strip() and len(hops) == 1:
            break  # the proxy itself asks
        client = parse_address(hop.strip())
        if client is None:
            return UNKNOWN
        if not _is_proxy(client, proxies):
            break
    return str(client)


def parse_address(text: str) -> Address | None:
    """The address that ``text`` spells; zone ids are dropped, IPv4-mapped addresses unwrapped."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_proxy(address: Address, proxies: tuple[Network, ...]) -> bool:
    return any(address.version == net.version and address in net for net in proxies)
