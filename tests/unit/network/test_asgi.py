"""Whose request it is, as the pipeline sees it."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from ringfence.core.event import Event
from ringfence.core.exchange import Exchange
from ringfence.core.settings import Environment, Settings
from ringfence.network.asgi import Network
from ringfence.network.client import UNKNOWN
from ringfence.stack import protocols
from ringfence_demo.careless.network import CarelessNetwork
from tests.careless import parts

SETTINGS = Settings(trusted_proxies=(ip_network("10.0.0.0/8"),), environment=Environment.TEST)
BEHIND_A_PROXY = Network(SETTINGS)
CARELESS = CarelessNetwork(parts(SETTINGS))
CHUNKED = (b"transfer-encoding", b"chunked")
SEEN = (b"x-forwarded-for", b"198.51.100.1")  # by the proxy
CLAIMED = (b"x-forwarded-for", b"6.6.6.6")  # in a trailer, which the server adds at the end


class Nowhere:
    def emit(self, event: Event) -> None: ...


def client(*headers: tuple[bytes, bytes], layer: protocols.Network = BEHIND_A_PROXY) -> str:
    exchange = Exchange(
        {"type": "http", "client": ("10.0.0.1", 1), "headers": list(headers)},
        request_id="r",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        sink=Nowhere(),
    )
    layer.admit(exchange)
    return exchange.client


def test_a_trailer_does_not_choose_the_address_and_with_the_layer_off_the_client_does() -> None:
    """ATTACKS H03: uvicorn adds the trailers of a chunked body to the headers of the head."""
    assert client(CHUNKED, SEEN, CLAIMED) == UNKNOWN
    assert client(CHUNKED, CLAIMED, SEEN, layer=CARELESS) == "6.6.6.6"


@pytest.mark.parametrize("headers", [(SEEN,), (CHUNKED, SEEN), (CLAIMED, SEEN)])
def test_what_the_proxy_saw_is_believed_all_the_same(
    headers: tuple[tuple[bytes, bytes], ...],
) -> None:
    assert client(*headers) == "198.51.100.1"
