"""What a server hears of start and end: everything that went wrong, and the last word last."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ringfence import ConfigurationError, Ringfence, Settings, StoreError, allow, public
from ringfence.core.asgi import Message
from ringfence.core.settings import Environment
from ringfence.stack.lifespan import Lifespan, refused
from ringfence.storage import Stores, open_stores

App = Callable[[Any, Any, Any], Awaitable[None]]

STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
STARTED, ENDED = "lifespan.startup.complete", "lifespan.shutdown.complete"
FAILED = "lifespan.startup.failed"


class Server:
    """Says that it starts, and that it ends once it has heard that the start is over."""

    def __init__(self, *notes: str) -> None:
        self.heard: list[Message] = []
        self.order: list[str] = [*notes]
        self._started = asyncio.Event()
        self._said = 0

    async def receive(self) -> Message:
        self._said += 1
        if self._said == 1:
            return STARTUP
        await self._started.wait()
        return SHUTDOWN

    async def send(self, message: Message) -> None:
        self.heard.append(message)
        self.order.append(message["type"])
        self._started.set()


def application(seen: list[str], *, start: str = "", end: str = "") -> App:
    """One that writes down its start and its end, and may fail in either."""

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncGenerator[None]:
        seen.append("start")
        if start:
            raise RuntimeError(start)
        yield
        seen.append("end")
        if end:
            raise RuntimeError(end)

    return Starlette(lifespan=lifespan)


async def run(app: App, problems: Iterable[str] = ()) -> tuple[Server, Message]:
    """The application under a server; what that has heard, and the last word."""

    def seal() -> None:
        if problems:
            raise ConfigurationError(*problems)

    server = Server()
    lifespan = Lifespan(seal, lambda text: text.replace("hunter2", "•••"))
    startup = await server.receive()
    scope: Message = {"type": "lifespan", "state": {}}
    return server, await lifespan.run(app, scope, startup, server.receive, server.send)


async def test_the_end_is_left_to_be_said() -> None:
    seen: list[str] = []
    server, last = await run(application(seen))
    assert seen == ["start", "end"]
    assert [message["type"] for message in server.heard] == [STARTED]
    assert last["type"] == ENDED


async def test_a_refused_start_ends_the_application_and_is_left_to_be_said() -> None:
    seen: list[str] = []
    server, last = await run(application(seen), ["GET /a: no policy", "GET /b: no policy"])
    assert seen == ["start", "end"]
    assert server.heard == []
    assert last == {"type": FAILED, "message": "GET /a: no policy\nGET /b: no policy"}


async def test_an_application_that_cannot_clean_up_does_not_hide_the_refusal() -> None:
    server, last = await run(application([], end="stuck"), ["GET /a: no policy"])
    assert server.heard == []
    assert last["message"] == "GET /a: no policy"


@pytest.mark.parametrize("problems", [(), ("GET /a: no policy",)])
async def test_an_application_that_knows_no_lifespan_needs_none(problems: tuple[str, ...]) -> None:
    async def app(scope: Message, _receive: object, _send: object) -> None:
        raise AssertionError(scope["type"])

    server, last = await run(app, problems)
    assert [message["type"] for message in server.heard] == ([] if problems else [STARTED])
    assert last["type"] == (FAILED if problems else ENDED)


@pytest.mark.parametrize("when", ["start", "end"])
async def test_what_an_application_says_of_its_failure_is_redacted(when: str) -> None:
    _, last = await run(application([], **{when: "the password is hunter2"}))
    assert last["type"].endswith(".failed")
    assert "password is •••" in last["message"]


async def test_an_exception_after_the_start_is_the_servers_to_hear() -> None:
    async def app(_scope: object, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": STARTED})
        raise LookupError("late")

    with pytest.raises(LookupError, match="late"):
        await run(app)


# ------------------------------------------------------------------------------- the whole stack


@allow(public)
async def hello(_request: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def lived(folder: Path, stores: Stores, server: Server, *routes: Route) -> None:
    """The life of a guarded application under ``server``."""
    settings = Settings(
        environment=Environment.TEST,
        origin="http://test.example",
        database="memory:",
        keys=folder / "keys",
        mail=f"file:{folder / 'mail'}",
        log=str(folder / "log"),
    )
    app = Ringfence(Starlette(routes=[*routes]), settings=settings, stores=stores)
    await app({"type": "lifespan", "state": {}}, server.receive, server.send)


async def test_the_stores_are_closed_before_a_server_hears_that_all_has_ended(
    tmp_path: Path,
) -> None:
    """What a request left to be done would be lost with the process: a mail, a commit."""
    server, stores = Server(), open_stores("memory:")

    async def close() -> None:
        await asyncio.sleep(0)
        await stores.close()
        server.order.append("closed")

    await lived(tmp_path, replace(stores, close=close), server, Route("/", hello))
    assert server.order == [STARTED, "closed", ENDED]


async def test_the_stores_are_closed_before_a_server_hears_that_the_start_is_refused(
    tmp_path: Path,
) -> None:
    server, stores = Server(), open_stores("memory:")

    async def close() -> None:
        await stores.close()
        server.order.append("closed")

    late = Route("/late", lambda _: PlainTextResponse())
    with pytest.raises(ConfigurationError, match="GET, HEAD /late: no policy"):
        await lived(tmp_path, replace(stores, close=close), server, late)
    assert server.order == ["closed", FAILED]
    assert server.heard[0]["message"].startswith("GET, HEAD /late: no policy")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StoreError("sqlite", "SQLITE_IOERR"), "the sqlite store does not answer: SQLITE_IOERR"),
        (ConfigurationError("RINGFENCE_X is weak"), "RINGFENCE_X is weak"),
        (RuntimeError("password=hunter2"), "RuntimeError: password=•••"),
    ],
)
async def test_whatever_fails_at_the_start_is_said(
    tmp_path: Path, error: Exception, words: str
) -> None:
    """A server takes an exception for an application that needs no start, and goes on.

    It is raised as well, once it is said, and repeats no more than was said.
    """

    async def start() -> None:
        raise error

    server = Server()
    with pytest.raises(ConfigurationError) as raised:
        await lived(tmp_path, replace(open_stores("memory:"), start=start), server)
    assert str(raised.value).endswith(words)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert [message["type"] for message in server.heard] == [FAILED]
    assert server.heard[0]["message"].endswith(words)
    assert refused(error)["type"] == FAILED
