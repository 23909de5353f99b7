"""The client's address cannot be chosen by the client."""

from ipaddress import ip_network

import pytest

from ringfence.network.client import UNKNOWN, client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", [b"198.51.100.1"], "203.0.113.7"),  # a stranger may claim what he likes
        ("10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"6.6.6.6, 198.51.100.1"], "198.51.100.1"),  # the left part is the client's
        ("10.0.0.1", [b"6.6.6.6", b"198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", [b"198.51.100.1,"], UNKNOWN),
        ("10.0.0.1", [b"localhost"], UNKNOWN),
        ("10.0.0.1", [b"198.51.100.1:80"], UNKNOWN),
        ("fd00::1", [b"2001:DB8:0::7"], "2001:db8::7"),
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("::ffff:10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("fe80::1%eth0", [], "fe80::1"),
        (None, [], UNKNOWN),
        ("testclient", [], UNKNOWN),
    ],
)
def test_only_what_a_declared_proxy_saw_is_believed(
    peer: str | None, forwarded: list[bytes], client: str
) -> None:
    """Ledger 18 and 20: spoofed and several hops, spelling aliases, no address at all."""
    assert client_address(peer, forwarded, PROXIES) == client


def test_an_endless_chain_of_proxies_is_not_followed() -> None:
    hops = b"6.6.6.6, " + b", ".join([b"10.0.0.9"] * 1000)
    assert client_address("10.0.0.1", [hops], PROXIES) == "10.0.0.9"
