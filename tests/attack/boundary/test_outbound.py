"""ATTACKS S01: no packet reaches a trap inside, by no spelling, redirect or change of name."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ringfence.boundary.urls.outbound import Outbound, resolve_by_system
from ringfence.core.codes import CODES, Layer
from ringfence.core.errors import Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from tests.careless import seams

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello"


class Nowhere:
    def emit(self, event: Event) -> None: ...


@dataclass
class Server:
    """A small HTTP server on loopback, and every request head it saw."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list[bytes])


@asynccontextmanager
async def serving(
    answer: bytes | Callable[[bytes], bytes], *, host: str = "127.0.0.1", pause: float = 0
) -> AsyncGenerator[Server]:
    server = Server()
    talks: set[asyncio.Task[None] | None] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        try:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:  # the client gave up before it asked
                return
            server.heads.append(head)
            await asyncio.sleep(pause)
            writer.write(answer if isinstance(answer, bytes) else answer(head))
        finally:
            writer.close()

    listening = await asyncio.start_server(talk, host, 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
        for task in talks:
            if task is not None:
                task.cancel()
        await asyncio.sleep(0)


@asynccontextmanager
async def boundary_off() -> AsyncGenerator[Exchange]:
    exchange = Exchange(
        {},
        request_id="r",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        seams=seams(Layer.BOUNDARY),
        sink=Nowhere(),
    )
    token = current.set(exchange)
    yield exchange
    current.reset(token)


def allowing(server: Server, **options: Any) -> Outbound:
    """A client that may reach this one server, as a service in one's own network."""
    return Outbound(also=frozenset({("127.0.0.1", server.port)}), **options)


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def refusal(outbound: Outbound, url: str) -> str:
    with pytest.raises(Refused) as caught:
        await outbound.fetch(url)
    return caught.value.code.name


SPELLINGS = [
    "127.0.0.1",
    "localhost",
    "0x7f.1",
    "2130706433",
    "017700000001",
    "127.1",
    "0.0.0.0",  # noqa: S104  # a destination: this machine
]


@pytest.mark.parametrize("host", [*SPELLINGS, "[::ffff:127.0.0.1]", "[::1]"])
async def test_no_spelling_of_loopback_reaches_the_trap(host: str) -> None:
    async with serving(OK) as trap:
        outbound = Outbound(ports=frozenset({trap.port}))
        assert await refusal(outbound, f"http://{host}:{trap.port}/") == "outbound.refused"
    assert not trap.heads


@pytest.mark.parametrize("host", SPELLINGS)
async def test_with_the_layer_off_every_spelling_reaches_the_trap(host: str) -> None:
    async with serving(OK) as trap, boundary_off() as exchange:
        answer = await Outbound().fetch(f"http://{host}:{trap.port}/")
        assert answer.body == b"hello"
    assert trap.heads
    assert not exchange.traces


async def test_what_is_allowed_is_fetched_and_leaves_a_trace() -> None:
    exchange = Exchange({}, request_id="r", now=datetime(2026, 1, 1, tzinfo=UTC), sink=Nowhere())
    async with serving(OK) as server:
        token = current.set(exchange)
        answer = await allowing(server).fetch(f"http://127.0.0.1:{server.port}/feed?a=1#x")
        current.reset(token)
    assert (answer.status, answer.media_type, answer.body) == (200, "text/plain", b"hello")
    (head,) = server.heads
    assert head.startswith(b"GET /feed?a=1 HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{server.port}\r\n".encode() in head.lower()
    assert exchange.traces == [CODES["outbound.allowed"]]


async def test_a_redirect_inside_is_refused() -> None:
    async with (
        serving(OK, host="127.0.0.2") as trap,
        serving(redirect(f"http://127.0.0.2:{trap.port}/")) as server,
    ):
        outbound = allowing(server, ports=frozenset({80, trap.port}))
        url = f"http://127.0.0.1:{server.port}/"
        assert await refusal(outbound, url) == "outbound.refused"
        assert not trap.heads
        async with boundary_off():
            assert (await outbound.fetch(url)).body == b"hello"
        assert trap.heads


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/", "//0x7f.1/x"])
async def test_a_redirect_to_another_scheme_or_spelling_is_refused(location: str) -> None:
    async with serving(redirect(location)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert await refusal(allowing(server), url) == "outbound.refused"


@pytest.mark.parametrize("location", ["http://[::1", "http://a b c/\x01", ""])
async def test_a_redirect_that_is_no_url_does_not_crash(location: str) -> None:
    async with serving(redirect(location)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert (await refusal(allowing(server), url)).startswith("outbound.")


async def test_three_redirects_are_followed_and_four_are_not() -> None:
    def answer(head: bytes) -> bytes:
        left = int(head.split()[1][1:])
        return redirect(f"/{left - 1}") if left else OK

    async with serving(answer) as server:
        outbound = allowing(server)
        assert (await outbound.fetch(f"http://127.0.0.1:{server.port}/3")).body == b"hello"
        url = f"http://127.0.0.1:{server.port}/4"
        assert await refusal(outbound, url) == "outbound.failed"


async def test_a_name_that_flips_after_it_was_judged_is_not_asked_again() -> None:
    """DNS rebinding: the second answer would be the trap; there is no second question."""
    asked: list[str] = []

    async with serving(OK, host="127.0.0.2") as trap, serving(OK) as server:

        async def resolve(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return ("127.0.0.1",) if len(asked) == 1 else ("127.0.0.2",)

        outbound = allowing(server, resolve=resolve)
        answer = await outbound.fetch(f"http://flip.example:{server.port}/")
        assert answer.body == b"hello"
    assert asked == ["flip.example"]
    assert not trap.heads
    assert f"host: flip.example:{server.port}\r\n".encode() in server.heads[0].lower()


async def test_the_answer_limit_is_the_last_byte_that_passes() -> None:
    async with serving(OK) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert (await allowing(server, answer_limit_bytes=5).fetch(url)).body == b"hello"
        assert await refusal(allowing(server, answer_limit_bytes=4), url) == "outbound.failed"


async def test_a_compressed_answer_is_not_unpacked() -> None:
    bomb = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    async with serving(bomb) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert await refusal(allowing(server), url) == "outbound.failed"


async def test_a_slow_answer_ends_with_the_time_limit() -> None:
    async with serving(OK, pause=5) as server:
        outbound = allowing(server, timeout=timedelta(milliseconds=100))
        assert await refusal(outbound, f"http://127.0.0.1:{server.port}/") == "outbound.failed"


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"]
)
async def test_a_server_that_misbehaves_has_failed(answer: bytes) -> None:
    async with serving(answer) as server:
        url = f"http://127.0.0.1:{server.port}/"
        assert await refusal(allowing(server), url) == "outbound.failed"


async def test_a_closed_port_has_failed() -> None:
    async with serving(OK) as server:
        pass
    url = f"http://127.0.0.1:{server.port}/"
    assert await refusal(allowing(server), url) == "outbound.failed"


async def test_a_name_that_does_not_exist_has_failed() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    assert await refusal(Outbound(resolve=resolve), "http://none.example/") == "outbound.failed"


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(OK) as proxy, serving(OK) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await allowing(server).fetch(f"http://127.0.0.1:{server.port}/")
    assert not proxy.heads
    assert server.heads


async def test_names_that_nobody_answers_for_hold_up_nobody_else() -> None:
    """ATTACKS H08: look-ups have threads of their own; the loop's, as usual, share everybody's."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as busy:
        loop.set_default_executor(busy)
        done = threading.Event()
        waiting = loop.run_in_executor(None, done.wait)
        try:
            assert await resolve_by_system("127.0.0.1", 80) == ("127.0.0.1",)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(loop.getaddrinfo("127.0.0.1", 80), 0.05)
        finally:
            done.set()
            await waiting
