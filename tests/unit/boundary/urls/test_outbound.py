"""ATTACKS S01: which URLs and addresses an outbound request may go to."""

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.boundary.urls.outbound import Answer, Outbound, Target, is_public, parse_target
from ringfence.core.errors import Refused

PORTS = frozenset({80, 443})


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  # a destination
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:7f00:1::",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_the_public_internet(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "64:ff9b::101:101",
        "::ffff:1.1.1.1",
    ],
)
def test_an_address_of_the_public_internet(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "//example.com/",
        "http:///x",
        "http:example.com",
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
        "unix:///run/docker.sock",
        "http+unix://%2Frun%2Fdocker.sock/",
        "javascript:alert(1)",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/a\\b",
        "http://example.com/\u202egpj.exe",
        "http://example.com:22/",
        "http://example.com:0/",
        "http://example.com:6379/",
        "http://example.com:99999/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://017700000001/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://0/",
        "http://1.2.3.4./",
        "http://256.256.256.256/",
        "http://[::1%25lo]/",
        "http://[fe80::1%eth0]/",
        "http://[::1",
        "http://１２７.0.0.1/",
        "http://exa mple.com/",
        "http://example.com/\r\nHost: evil",
        "http://-example.com/",
        "http://.../",
        "http://%31%32%37.0.0.1/",
        "http://" + "a" * 300 + "/",
        None,
        7,
        ["http://example.com/"],
    ],
)
def test_a_url_that_could_mean_something_else_is_refused(url: object) -> None:
    with pytest.raises(Refused, match="outbound.refused"):
        parse_target(url, PORTS)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://example.com", "example.com", 80),
        ("https://Example.com./a?b=c#d", "example.com.", 443),
        ("HTTPS://example.com:443/", "example.com", 443),
        ("http://bücher.example/", "xn--bcher-kva.example", 80),
        ("http://1.1.1.1/", "1.1.1.1", 80),
        ("http://[2606:4700::1]/", "2606:4700::1", 80),
        ("http://a_b.example-1.com/", "a_b.example-1.com", 80),
    ],
)
def test_an_ordinary_url_is_read(url: str, host: str, port: int) -> None:
    target = parse_target(url, PORTS)
    assert (target.host, target.port) == (host, port)


async def refusal(outbound: Outbound, url: str) -> str:
    with pytest.raises(Refused) as caught:
        await outbound.fetch(url)
    return caught.value.code.name


def resolving_to(*addresses: str) -> Outbound:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return Outbound(resolve=resolve)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
async def test_an_address_literal_is_judged_though_nothing_is_resolved(url: str) -> None:
    """Ledger 42."""
    assert await refusal(Outbound(), url) == "outbound.refused"


async def test_a_name_that_leads_inside_is_refused() -> None:
    """Ledger 43."""
    assert await refusal(resolving_to("127.0.0.1"), "http://localhost/") == "outbound.refused"


async def test_one_address_of_many_that_leads_inside_refuses_the_name() -> None:
    mixed = resolving_to("1.1.1.1", "10.0.0.1")
    assert await refusal(mixed, "http://example.com/") == "outbound.refused"


@pytest.mark.parametrize("answer", [(), ("not an address",), ("fe80::1%eth0",)])
async def test_a_resolver_that_answers_strangely_refuses(answer: tuple[str, ...]) -> None:
    assert await refusal(resolving_to(*answer), "http://example.com/") == "outbound.refused"


async def test_an_extra_endpoint_opens_neither_another_port_nor_another_address() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ("127.0.0.1",)

    outbound = Outbound(also=frozenset({("127.0.0.1", 9000)}), resolve=resolve)
    for url in ("http://127.0.0.1/", "http://127.0.0.2:9000/", "http://1.1.1.1:9000/"):
        assert await refusal(outbound, url) == "outbound.refused"


@given(st.ip_addresses(v=4))
def test_an_embedded_ipv4_address_is_judged_as_itself(address: object) -> None:
    plain = ip_address(str(address))
    assert is_public(ip_address(f"::ffff:{plain}")) == is_public(plain)
    assert is_public(ip_address(f"64:ff9b::{plain}")) == is_public(plain)


class Led(Outbound):
    """Each answer leads on to ``onward``."""

    onward = ""

    async def _get(self, target: Target, addresses: Sequence[str]) -> tuple[Answer, str | None]:
        return Answer(url=str(target.url), status=302, media_type="", body=b""), self.onward


@pytest.mark.parametrize(
    ("onward", "code"),
    [("http://1.1.1.1/", "outbound.refused"), ("https://1.1.1.1/", "outbound.failed")],
)
async def test_no_redirect_leads_out_of_tls(
    onward: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within TLS it is followed, until there are too many."""
    monkeypatch.setattr(Led, "onward", onward)
    with pytest.raises(Refused, match=code):
        await Led().fetch("https://1.1.1.1/")


@given(st.text(max_size=60))
def test_no_text_fails_in_another_way(text: str) -> None:
    for url in (text, f"http://{text}/", f"http://example.com{text}"):
        try:
            parse_target(url, PORTS)
        except Refused as refused:
            assert refused.code.name == "outbound.refused"  # noqa: PT017  # any other error fails
