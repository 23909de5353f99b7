"""Breached passwords, against a server of one's own on loopback (MUSTS P08; ASVS 6.2.12)."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from ringfence.authn.breached import NoBreaches, listed, split
from ringfence.core.codes import Layer
from ringfence.core.errors import ConfigurationError
from ringfence.core.settings import Environment, Settings, parse
from ringfence.service.breaches import BreachServer, open_breaches
from ringfence.stack.layers import GUARDED
from tests.careless import parts
from tests.unit.authn.flows import Collector, within

KNOWN, UNKNOWN = b"correct horse battery staple", b"violet kettle orbits quietly"


@dataclass
class Ranges:
    """A server of the range protocol, which keeps what it was asked."""

    answer: bytes = b""
    status: str = "200 OK"
    silent: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if not self.silent:
            head = f"HTTP/1.1 {self.status}\r\ncontent-length: {len(self.answer)}\r\n\r\n"
            writer.write(head.encode() + self.answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(ranges: Ranges) -> AsyncGenerator[BreachServer]:
    server = await asyncio.start_server(ranges.serve, "127.0.0.1", 0)
    ranges.port = server.sockets[0].getsockname()[1]
    async with server:
        yield BreachServer(f"http://127.0.0.1:{ranges.port}")


def lines(password: bytes, count: int = 7) -> bytes:
    """An answer that knows ``password``, between another and padding."""
    suffix = hashlib.sha1(password, usedforsecurity=False).hexdigest()[5:].upper()
    return f"{'0' * 35}:3\r\n{suffix}:{count}\r\n{'F' * 35}:0".encode()


async def test_five_digits_leave_and_a_known_password_is_found() -> None:
    ranges = Ranges(lines(KNOWN))
    async with serving(ranges) as server:
        assert await server.hold(KNOWN)
        assert not await server.hold(UNKNOWN)
    digits = hashlib.sha1(KNOWN, usedforsecurity=False).hexdigest().upper()
    assert ranges.asked[0].startswith(f"GET /range/{digits[:5]} HTTP/1.1\r\n")
    assert "add-padding: true" in ranges.asked[0].lower()
    assert digits[5:12] not in ranges.asked[0].upper()


async def test_a_line_of_padding_is_no_find() -> None:
    async with serving(Ranges(lines(KNOWN, 0))) as server:
        assert not await server.hold(KNOWN)


@pytest.mark.parametrize(
    "ranges",
    [
        Ranges(lines(KNOWN), status="503 Busy"),
        Ranges(lines(KNOWN), status="302 Found"),
        Ranges(silent=True),
        Ranges(b"\xff" + lines(KNOWN)),
        Ranges(lines(KNOWN) + b"\r\n" * 200_000),
    ],
    ids=["busy", "redirect", "silent", "no text", "endless"],
)
async def test_a_server_that_fails_closes_no_sign_up_and_the_log_says_so(ranges: Ranges) -> None:
    async with serving(ranges) as server:
        with within() as exchange:
            assert not await server.hold(KNOWN)
            assert isinstance(exchange.sink, Collector)
            assert exchange.sink.codes == ["password.unjudged"]
            assert KNOWN.decode() not in repr(exchange.sink.events)


def test_the_setting_arrives_where_passwords_are_set() -> None:
    chosen = Settings(environment=Environment.TEST, breached_passwords="https://ranges.example")
    for settings, kind in ((chosen, BreachServer), (Settings(), NoBreaches)):
        authn = GUARDED[Layer.AUTHN](parts(settings))
        assert type(authn.flows.passwords.breaches) is kind


async def test_nobody_is_asked_unless_a_setting_names_a_server() -> None:
    assert isinstance(open_breaches(Settings()), NoBreaches)
    environ = {"RINGFENCE_ORIGIN": "https://a.example", "RINGFENCE_MAIL": "smtp://relay.example"}
    own = parse({**environ, "RINGFENCE_BREACHED_PASSWORDS": "https://ranges.example"})
    assert isinstance(open_breaches(own), BreachServer)
    for plain in ("http://ranges.example", "https://me:secret@ranges.example", "nowhere"):
        with pytest.raises(ConfigurationError):
            parse({**environ, "RINGFENCE_BREACHED_PASSWORDS": plain})


def test_what_is_sent_and_what_is_looked_for() -> None:
    prefix, suffix = split(b"password")
    assert (prefix, suffix) == ("5BAA6", "1E4C9B93F3F0682250B6CF8331B7EE68FD8")
    assert listed(suffix, f"{suffix.lower()}:1")
    assert not listed(suffix, "")
    assert not listed(suffix, f"{suffix}")
    assert not listed(suffix, f"{suffix}:many")
