"""The outbound HTTP client: a URL that a client sends cannot reach inside (ASVS 1.3.6, S01).

A name is resolved once, every address it has is judged, and the connection goes to the address that
was judged; the host stays in ``Host`` and in TLS. The name is not resolved a second time, so it
does not help an attacker to change its address after the check (DNS rebinding). The spelling of an
address does not matter either: the address to which packets would go is judged (Ledger 42, 43).
Each redirect is judged again.

The table of addresses is ours: ``ipaddress.is_global`` is wrong on Python 3.11 for several of them
(measured). It holds the special-purpose registries of IANA (RFC 6890 and its updates) and one
public address that cloud machines answer themselves. Of IPv6 only what is assigned as global
unicast passes. An IPv4 address inside an IPv6 one is judged as an IPv4 address.

Proxies and certificates named in the environment are not followed.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

import httpx2

from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.exchange import refusal, trace
from ringfence.core.seam import Seam

Address: TypeAlias = IPv4Address | IPv6Address
Endpoint: TypeAlias = tuple[str, int]  # address, port

#: Resolves a host name. Raises OSError.
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

SPECIAL_V4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network (RFC 791)
        "10.0.0.0/8",  # private (RFC 1918)
        "100.64.0.0/10",  # shared, carrier NAT (RFC 6598); some clouds' metadata
        "127.0.0.0/8",  # loopback (RFC 1122)
        "168.63.129.16/32",  # answered by the host of a virtual machine on Azure
        "169.254.0.0/16",  # link local (RFC 3927); most clouds' metadata
        "172.16.0.0/12",  # private (RFC 1918)
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.0.2.0/24",  # documentation (RFC 5737)
        "192.31.196.0/24",  # AS112 (RFC 7535)
        "192.52.193.0/24",  # multicast tunnels (RFC 7450)
        "192.88.99.0/24",  # relays of 6to4, deprecated (RFC 7526)
        "192.168.0.0/16",  # private (RFC 1918)
        "192.175.48.0/24",  # AS112 (RFC 7534)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",  # documentation (RFC 5737)
        "203.0.113.0/24",  # documentation (RFC 5737)
        "224.0.0.0/4",  # multicast (RFC 5771)
        "240.0.0.0/4",  # reserved, and broadcast (RFC 1112)
    )
)
GLOBAL_V6: Final = IPv6Network("2000::/3")  # all that is assigned as global unicast (RFC 4291)
SPECIAL_V6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them (RFC 2928, RFC 4380)
        "2001:db8::/32",  # documentation (RFC 3849)
        "2002::/16",  # 6to4, deprecated: an IPv4 address behind a relay (RFC 7526)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
#: Where the last 32 bits are an IPv4 address that packets really go to.
EMBEDDING_V6: Final = (
    IPv6Network("::ffff:0:0/96"),  # mapped (RFC 4291)
    IPv6Network("64:ff9b::/96"),  # NAT64 (RFC 6052): what IPv6-only hosts see of the IPv4 Internet
)

_SCHEME_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?", re.ASCII)
_LAST_LABEL_IS_A_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.ASCII)
#: Threads of its own: a name whose server never answers blocks one for long, whatever the timeout
#: here, and everybody needs the loop's own threads.
_RESOLVERS: Final = ThreadPoolExecutor(max_workers=8, thread_name_prefix="ringfence-resolver")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def is_public(address: Address) -> bool:
    """Whether packets to ``address`` leave for the public Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_V4)
    if any(address in network for network in EMBEDDING_V6):
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address.scope_id is not None or address not in GLOBAL_V6:
        return False
    return not any(address in network for network in SPECIAL_V6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a URL points, before its name is resolved."""

    url: httpx2.URL
    host: str  # ASCII, lower case; an IPv6 address without brackets
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the other server said."""

    url: str  # of the last hop
    status: int
    media_type: str
    body: bytes


def parse_target(url: object, ports: frozenset[int]) -> Target:
    """Read a URL as strictly as it will be sent. Raises ``outbound.refused``."""
    if not isinstance(url, str) or not url.isprintable():
        raise _refused("not a URL")
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError):
        raise _refused("not a URL") from None
    if parsed.scheme not in _SCHEME_PORTS:
        raise _refused("scheme")
    if parsed.userinfo or "\\" in url:
        raise _refused("user information")  # or what some parsers take for it
    port = parsed.port if parsed.port is not None else _SCHEME_PORTS[parsed.scheme]
    if port not in ports:
        raise _refused("port")
    host = parsed.raw_host.decode("ascii", "replace").lower()
    if not _is_host(host):
        raise _refused("host")
    return Target(url=parsed, host=host, port=port)


def _is_host(host: str) -> bool:
    """A name, or an address in its one canonical spelling (``0x7f.1`` and ``017.1`` are not)."""
    if ":" in host:
        return "%" not in host and _parse_address(host) is not None
    if _LAST_LABEL_IS_A_NUMBER.fullmatch(host):
        return _parse_address(host) is not None
    return _HOST.fullmatch(host) is not None


def _parse_address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, by the system's resolver."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, look_up)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, kw_only=True)
class Outbound:
    """A client for URLs that somebody else chose.

    ``also`` names endpoints that may be reached although their address is not public, such as a
    service in one's own network: exact address and port, nothing wider.
    """

    ports: frozenset[int] = frozenset({80, 443})
    also: frozenset[Endpoint] = frozenset()
    redirects: int = 3
    timeout: timedelta = timedelta(seconds=10)  # for everything, redirects included
    answer_limit_bytes: int = 1_048_576
    resolve: Resolve = resolve_by_system

    async def fetch(self, url: str) -> Answer:
        """GET a URL.

        Raises:
            Refused: ``outbound.refused`` if it leads inside; ``outbound.failed`` if the other
                server fails, or answers too slowly or too much.
        """
        return await FETCHER.current()(self, url)

    async def vetted(self, url: str) -> Answer:
        """What ``fetch`` does if no layer provides for the seam."""
        trace("outbound.allowed")
        try:
            async with asyncio.timeout(self.timeout.total_seconds()):
                return await self._follow(url)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, UnicodeError) as error:
            # OSError: no such name, and TimeoutError; UnicodeError: no name can be like that
            raise refusal("outbound.failed", reason=type(error).__name__) from None

    async def _follow(self, url: str) -> Answer:
        for _ in range(self.redirects + 1):
            target = parse_target(url, self.ports | {port for _, port in self.also})
            answer, location = await self._get(target, await self._vet(target))
            if location is None:
                return answer
            following = target.url.join(location)
            if target.url.scheme == "https" and following.scheme != "https":
                raise _refused("redirect without TLS")
            url = str(following)
        raise refusal("outbound.failed", reason="too many redirects")

    async def _vet(self, target: Target) -> Sequence[str]:
        """The addresses of a target; raises unless all of them are allowed."""
        if _parse_address(target.host) is not None:
            found: Sequence[str] = (target.host,)
        else:
            found = await self.resolve(target.host, target.port)
        if not found or not all(self._may_reach(text, target.port) for text in found):
            raise _refused("address")
        return found

    def _may_reach(self, text: str, port: int) -> bool:
        if (text, port) in self.also:
            return True
        address = _parse_address(text)
        return address is not None and port in self.ports and is_public(address)

    async def _get(self, target: Target, addresses: Sequence[str]) -> tuple[Answer, str | None]:
        """GET from the first address that takes the connection; the redirect's target, if any."""
        # A client for each hop: a pooled connection is known by its address, and two hosts on one
        # address must not share a TLS session that only one of them was verified for.
        async with httpx2.AsyncClient(verify=self._tls, trust_env=False) as client:
            for address in addresses:
                request = _pin(client, target, address)
                try:
                    response = await client.send(request, stream=True)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    if address == addresses[-1]:
                        raise
                    continue
                try:
                    return await self._read(target, response)
                finally:
                    await response.aclose()
        raise _refused("address")

    async def _read(self, target: Target, response: httpx2.Response) -> tuple[Answer, str | None]:
        location = response.headers.get("location")
        if response.status_code in _REDIRECTS and location is not None:
            empty = Answer(
                url=str(target.url), status=response.status_code, media_type="", body=b""
            )
            return empty, location
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise refusal("outbound.failed", reason="compressed unasked")  # or a bomb
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self.answer_limit_bytes:
                raise refusal("outbound.failed", reason="answer limit")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip()
        return (
            Answer(
                url=str(target.url),
                status=response.status_code,
                media_type=media_type,
                body=bytes(body),
            ),
            None,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context(trust_env=False)


def _pin(client: httpx2.AsyncClient, target: Target, address: str) -> httpx2.Request:
    """A request that connects to ``address`` and speaks to ``target``."""
    return client.build_request(
        "GET",
        target.url.copy_with(host=address, fragment=None),
        headers={
            "Host": target.url.netloc.decode("ascii"),
            "Accept-Encoding": "identity",
            "User-Agent": "ringfence",
        },
        extensions={"sni_hostname": target.host.removesuffix(".")},
    )


#: Who gets a URL on behalf of a client. Raises as ``Outbound.fetch``.
FETCHER: Final = Seam[Callable[[Outbound, str], Awaitable[Answer]]](Layer.BOUNDARY, Outbound.vetted)


def _refused(reason: str) -> Refused:
    return refusal("outbound.refused", reason=reason)
