"""The server's part: one reading of each head, bounds on what is held, answers that say little."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import uvicorn

from ringfence import server
from ringfence.core.asgi import Message, Receive, Scope, Send

HEAD = b"HTTP/1.1\r\nHost: shop.example\r\n"


@dataclass
class Seen:
    """What an application was given: scopes and bodies."""

    scopes: list[Scope] = field(default_factory=list[Scope])
    bodies: list[bytes] = field(default_factory=list[bytes])
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    cut_off: asyncio.Event = field(default_factory=asyncio.Event)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _start_and_end(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cut_off.set()
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.scopes.append(scope)
        self.bodies.append(body)
        start: Message = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [(b"content-length", b"2")]})
        if scope["path"] == "/slow":
            await send({"type": "http.response.body", "body": b"o", "more_body": True})
            await self.gate.wait()
            await send({"type": "http.response.body", "body": b"k"})
        else:
            await send({"type": "http.response.body", "body": b"ok"})


async def _start_and_end(receive: Receive, send: Send) -> None:
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})


@asynccontextmanager
async def served(
    seen: Seen, *, secure: bool = False, **options: Any
) -> AsyncGenerator[Callable[[bytes], Any]]:
    """A server on loopback; what is yielded sends bytes and returns all that comes back."""
    listening = socket.create_server(("127.0.0.1", 0))
    configured = server.config(
        seen.app, secure=secure, log_config=None, timeout_keep_alive=1, **options
    )
    running = uvicorn.Server(configured)
    task = asyncio.create_task(running.serve([listening]))
    port = listening.getsockname()[1]

    async def talk(sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await writer.drain()
        try:
            return await reader.read()
        finally:
            writer.close()

    try:
        yield talk
    finally:
        running.should_exit = True
        await task
        listening.close()


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def closing(method_and_target: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [*headers, "Connection: close", "", ""]
    return method_and_target.encode() + b" " + HEAD + "\r\n".join(lines).encode() + body


async def test_trailers_are_not_added_to_the_head() -> None:
    """RFC 9110 6.5.1: they come after the head was judged."""
    seen = Seen()
    chunked = b"2\r\nhi\r\n0\r\nX-User: root\r\nAuthorization: Bearer forged\r\n\r\n"
    async with served(seen) as talk:
        answer = await talk(closing("POST /", "Transfer-Encoding: chunked", body=chunked))
    assert parsed(answer)[0] == 200
    assert seen.bodies == [b"hi"]
    names = {name for name, _ in seen.scopes[0]["headers"]}
    assert names == {b"host", b"transfer-encoding", b"connection"}


async def test_plain_httptools_adds_trailers_to_the_head() -> None:
    """The pair of the test above: without ``StrictHttp`` the application sees them."""
    seen = Seen()
    chunked = b"2\r\nhi\r\n0\r\nX-User: root\r\n\r\n"
    async with served(seen, http="httptools") as talk:
        await talk(closing("POST /", "Transfer-Encoding: chunked", body=chunked))
    assert (b"x-user", b"root") in seen.scopes[0]["headers"]


@pytest.mark.parametrize(
    "target", ["http://other.example/", "http://shop.example:8080/", "http://user@other.example/"]
)
async def test_an_absolute_target_for_another_host_is_refused(target: str) -> None:
    """RFC 9112 3.2.2: it overrides ``Host``, which the application judges."""
    seen = Seen()
    async with served(seen) as talk:
        status, headers, body = parsed(await talk(closing(f"GET {target}")))
    assert (status, json.loads(body)["code"]) == (400, "head.malformed")
    assert headers["connection"] == "close"
    assert not seen.scopes


async def test_plain_httptools_serves_an_absolute_target_for_another_host() -> None:
    seen = Seen()
    async with served(seen, http="httptools") as talk:
        assert parsed(await talk(closing("GET http://other.example/")))[0] == 200
    assert seen.scopes[0]["path"] == "/"


@pytest.mark.parametrize("target", ["/a", "http://shop.example/a", "http://SHOP.example/a?b=c"])
async def test_a_target_for_the_host_that_is_named_is_served(target: str) -> None:
    seen = Seen()
    async with served(seen) as talk:
        assert parsed(await talk(closing(f"GET {target}")))[0] == 200
    assert seen.scopes[0]["path"] == "/a"


async def test_the_server_itself_says_hsts_as_the_site_does() -> None:
    day = timedelta(days=1)
    async with served(Seen(), secure=True, max_age=day, subdomains=False) as talk:
        _, headers, _ = parsed(await talk(b"NONSENSE\r\n\r\n"))
    assert headers["strict-transport-security"] == "max-age=86400"


async def test_a_refusal_of_the_server_is_a_problem_with_an_id_and_the_headers_of_all() -> None:
    """API.md: every response carries ``X-Request-Id``."""
    async with served(Seen(), secure=True) as talk:
        status, headers, body = parsed(await talk(b"NONSENSE\r\n\r\n"))
    problem = json.loads(body)
    assert (status, problem["code"], headers["content-type"]) == (
        400,
        "head.malformed",
        "application/problem+json",
    )
    assert problem["request_id"] == headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"] == "max-age=63072000; includesubdomains"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        ("Sec-WebSocket-Version: 13",),
        ("Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: short"),
    ],
)
async def test_a_handshake_that_is_none_is_refused_as_everything_is(
    headers: tuple[str, ...],
) -> None:
    """API.md: every response carries ``X-Request-Id``, which the library would not send."""
    upgrade = ["Connection: Upgrade", "Upgrade: websocket", *headers, "", ""]
    seen = Seen()
    async with served(seen) as talk:
        answer = await talk(b"GET /ws " + HEAD + "\r\n".join(upgrade).encode())
    status, found, body = parsed(answer)
    assert (status, json.loads(body)["code"]) == (400, "head.malformed")
    assert json.loads(body)["request_id"] == found["x-request-id"]
    assert not seen.scopes


async def test_a_head_has_an_end() -> None:
    """ATTACKS H08: a head of 64 KiB is read, one byte more is not."""
    seen = Seen()
    fixed = sum(len(part) for part in (b"/", b"Host", b"shop.example", b"Connection", b"close"))
    async with served(seen) as talk:
        fits = "A" * (65_536 - fixed - 1)
        assert parsed(await talk(closing("GET /", f"X: {fits}")))[0] == 200
        status, _, body = parsed(await talk(closing("GET /", f"X: {fits}A")))
    assert (status, json.loads(body)["code"]) == (431, "head.too_large")
    assert len(seen.scopes) == 1


@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"2;"], ids=["trailer", "extension of a chunk"])
async def test_nothing_around_a_body_is_without_an_end(endless: bytes) -> None:
    """The parser would collect it as long as it comes."""
    seen = Seen()
    endless += b"A" * 600_000  # the first read, whatever its size, is fed to the parser
    async with served(seen) as talk:
        with suppress(ConnectionResetError):  # what it sent on is not read
            await talk(closing("POST /", "Transfer-Encoding: chunked", body=endless))
        await asyncio.wait_for(seen.cut_off.wait(), 10)
    assert not seen.bodies


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(b"", b""), (b"GET / HTTP/1.1\r\nHost: sh", b"HTTP/1.1 408 ")],
    ids=["nothing", "half a head"],
)
async def test_a_head_that_does_not_come_ends_the_connection(
    sent: bytes, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ATTACKS H08: slow loris."""
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.05)
    async with served(Seen()) as talk:
        answer = await talk(sent)
    assert answer.startswith(expected) if expected else answer == b""


async def test_a_head_that_waits_for_a_slow_answer_is_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server does not read while it answers; that is not the client's delay."""
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.05)
    seen = Seen()

    class Watched(server.StrictHttp):
        def _give_up(self) -> None:
            super()._give_up()
            seen.gate.set()  # time is over for the second head: now the first is answered

    first, second = b"GET /slow " + HEAD + b"\r\n", b"GET /next " + HEAD
    async with served(seen, http=Watched) as talk:
        answer = await talk(first + second)
    assert seen.gate.is_set()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\n\r\nokHTTP/1.1 408 " in answer  # whole, and only then the refusal of the second


async def test_websockets_hold_little() -> None:
    configured = server.config(Seen().app, secure=False)
    assert configured.ws_max_size == 1_048_576
    assert configured.ws_max_queue == 4
    assert not configured.ws_per_message_deflate


BLOCKED = """
import threading
from concurrent.futures import ThreadPoolExecutor
from fastapi import FastAPI
from ringfence import server

app, threads = FastAPI(), ThreadPoolExecutor(1)
server._LAST_SECONDS = 0.1

@app.get("/")
def blocks():
    print("blocked", flush=True)
    threading.Event().wait()

@app.on_event("startup")
async def listening():
    print(listener.getsockname()[1], flush=True)

listener = server.socket.create_server(("127.0.0.1", 0))
settings = server.config(app, secure=False, log_config=None, timeout_graceful_shutdown=0)
server.Server(settings).run([listener])
"""


def test_a_thread_that_never_ends_does_not_keep_the_process() -> None:
    """Issue 9, B7: after SIGTERM the process stayed, for a handler without ``async``."""
    command = [sys.executable, "-W", "ignore", "-c", BLOCKED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / " + HEAD + b"\r\n")
            assert process.stdout.readline() == "blocked\n"
            process.terminate()
            assert process.wait(timeout=20) == 0
