"""A WebSocket ends with the token that opened it (ATTACKS D01; ASVS 7.4.1)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import StreamingResponse

from ringfence import allow, signed_in
from ringfence.authn.accounts import Account
from ringfence.core.asgi import Message
from ringfence.core.codes import Layer
from ringfence.stack import conversation
from ringfence.storage import Stores, open_stores
from ringfence.storage.keys import load_or_create
from tests.attack.authz.guarded import Site, guarded


def chat() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.websocket("/echo")
    @allow(signed_in)
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())

    @app.websocket("/ticker")
    @allow(signed_in)
    async def ticker(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(0)

    @app.get("/events")
    @allow(signed_in)
    async def events() -> StreamingResponse:
        async def told() -> AsyncIterator[str]:
            yield "data: first\n\n"
            await asyncio.Event().wait()
            yield "data: never\n\n"

        return StreamingResponse(told(), media_type="text/event-stream")

    @app.get("/export")
    @allow(signed_in)
    async def export() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            while True:
                yield "a line\n"
                await asyncio.sleep(0)

        return StreamingResponse(lines(), media_type="text/plain")

    return app


def patient() -> FastAPI:
    """Handlers that take their time, before the first piece of an answer and after the last."""
    app = FastAPI(openapi_url=None)

    @app.get("/silent")
    @allow(signed_in)
    async def silent() -> StreamingResponse:
        async def told() -> AsyncIterator[str]:
            app.state.listening.set()
            await asyncio.Event().wait()
            yield "data: never\n\n"

        return StreamingResponse(told(), media_type="text/event-stream")

    @app.get("/afterwards")
    @allow(signed_in)
    async def afterwards(background: BackgroundTasks) -> str:
        background.add_task(work)
        return "done"

    async def work() -> None:
        app.state.working.set()
        await app.state.go_on.wait()
        app.state.worked = True

    return app


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is silent is looked at often."""
    monkeypatch.setattr(conversation, "_EVERY_SECONDS", 0.01)


class Talk:
    """One conversation: what is said to the server, and what it says."""

    def __init__(self, site: Site, path: str) -> None:
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self._said.put_nowait({"type": "websocket.connect"})
        token = site.bearer("alice")["authorization"].encode()
        scope = {
            "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"test.example"), (b"authorization", token)],
            "client": ("203.0.113.7", 1), "root_path": "", "scheme": "ws", "subprotocols": [],
        }  # fmt: skip
        self.task = asyncio.create_task(site.guard(scope, self._said.get, self.heard.put))

    def say(self, text: str) -> None:
        self._said.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self) -> str:
        """A text, or how the connection was closed."""
        message = await self.heard.get()
        while message["type"] == "websocket.accept":
            message = await self.heard.get()
        return message.get("text") or f"{message['type']} {message.get('code')}"

    async def end(self) -> str:
        """The last thing that is heard."""
        await self.task
        last = ""
        while not self.heard.empty():
            last = await self.hear()
        return last


async def signed_up(tmp_path: Path) -> Stores:
    """Alice has an account, and the keys that it was made with are there."""
    load_or_create(tmp_path / "keys")
    stores = open_stores("memory:")
    now = datetime.now(UTC)
    alice = Account(id="alice", login="a@example.com", login_verified_at=now, created_at=now)
    assert await stores.accounts.create(alice)
    return stores


async def sign_out(stores: Stores) -> None:
    await stores.accounts.sign_out_everywhere("alice", datetime.now(UTC))


async def test_what_is_said_after_the_token_was_revoked_is_not_heard(tmp_path: Path) -> None:
    stores = await signed_up(tmp_path)
    async with guarded(chat(), tmp_path, stores=stores) as site:
        talk = Talk(site, "/echo")
        talk.say("before")
        assert await talk.hear() == "before"
        await sign_out(stores)
        talk.say("after")
        assert await talk.end() == "websocket.close 1008"
        assert '"code":"token.revoked"' in (tmp_path / "log").read_text()


async def test_nothing_is_told_after_the_token_was_revoked(tmp_path: Path) -> None:
    """The server speaks by itself, and the client says nothing."""
    stores = await signed_up(tmp_path)
    async with guarded(chat(), tmp_path, stores=stores) as site:
        talk = Talk(site, "/ticker")
        assert await talk.hear() == "tick"
        await sign_out(stores)
        assert await talk.end() == "websocket.close 1008"


async def test_a_connection_does_not_outlive_its_token(tmp_path: Path) -> None:
    late = timedelta(0)
    async with guarded(chat(), tmp_path, clock=lambda: datetime.now(UTC) + late) as site:
        talk = Talk(site, "/echo")
        talk.say("before")
        assert await talk.hear() == "before"
        late = timedelta(minutes=16)
        talk.say("after")
        assert await talk.end() == "websocket.close 1008"


@pytest.mark.parametrize("path", ["/echo", "/ticker"])
async def test_with_authn_off_the_conversation_goes_on(tmp_path: Path, path: str) -> None:
    stores = await signed_up(tmp_path)
    async with guarded(chat(), tmp_path, off=[Layer.AUTHN], stores=stores) as site:
        talk = Talk(site, path)
        talk.say("before")
        first = await talk.hear()
        await sign_out(stores)
        while not talk.heard.empty():
            talk.heard.get_nowait()
        talk.say("after")
        assert await talk.hear() in {"after", first}
        talk.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talk.task


async def test_a_socket_on_which_nothing_is_said_ends_with_its_session(tmp_path: Path) -> None:
    """Issue 9, A: whoever waits for the client's next message did not notice."""
    stores = await signed_up(tmp_path)
    async with guarded(chat(), tmp_path, stores=stores) as site:
        talk = Talk(site, "/echo")
        talk.say("before")
        assert await talk.hear() == "before"
        await sign_out(stores)
        assert await talk.end() == "websocket.close 1008"


class Listener:
    """A client of a streamed answer."""

    def __init__(self, site: Site, path: str) -> None:
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        token = site.bearer("alice")["authorization"].encode()
        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
            "query_string": b"", "client": ("203.0.113.7", 1), "root_path": "", "scheme": "http",
            "headers": [(b"host", b"test.example"), (b"authorization", token)],
            "asgi": {"spec_version": "2.4"},
        }  # fmt: skip
        self.task = asyncio.create_task(site.guard(scope, self._said.get, self.heard.put))

    async def first(self) -> Message:
        """The first piece of the body."""
        assert (await self.heard.get())["status"] == 200
        return await self.heard.get()


@pytest.mark.parametrize("path", ["/events", "/export"])
async def test_an_answer_that_goes_on_ends_with_the_session(tmp_path: Path, path: str) -> None:
    """Issue 9, A: server-sent events went on, silent or not. The answer is not whole."""
    stores = await signed_up(tmp_path)
    async with guarded(chat(), tmp_path, stores=stores) as site:
        client = Listener(site, path)
        assert (await client.first())["more_body"]
        await sign_out(stores)
        await client.task
        while not client.heard.empty():
            assert (await client.heard.get())["more_body"]
        assert '"code":"token.revoked"' in (tmp_path / "log").read_text()


async def test_an_answer_that_has_said_nothing_yet_ends_with_the_session(tmp_path: Path) -> None:
    """Issue 9, A: it is looked at from its start on, and not from its first piece on."""
    stores, app = await signed_up(tmp_path), patient()
    app.state.listening = asyncio.Event()
    async with guarded(app, tmp_path, stores=stores) as site:
        client = Listener(site, "/silent")
        await app.state.listening.wait()
        await sign_out(stores)
        await client.task
        assert '"code":"token.revoked"' in (tmp_path / "log").read_text()


async def test_work_after_the_last_piece_of_an_answer_goes_on(tmp_path: Path) -> None:
    """The answer had its session; what the application does afterwards is not the client's."""
    stores, app = await signed_up(tmp_path), patient()
    state = app.state
    state.listening, state.working, state.go_on = (asyncio.Event() for _ in range(3))
    state.worked = False
    async with guarded(app, tmp_path, stores=stores) as site:
        client, witness = Listener(site, "/afterwards"), Listener(site, "/silent")
        await state.working.wait()
        await state.listening.wait()
        await sign_out(stores)
        await witness.task  # who was open was looked at
        state.go_on.set()
        await client.task
    assert state.worked


async def test_with_authn_off_events_go_on(tmp_path: Path) -> None:
    stores = await signed_up(tmp_path)
    async with guarded(chat(), tmp_path, off=[Layer.AUTHN], stores=stores) as site:
        client = Listener(site, "/export")
        await client.first()
        await sign_out(stores)
        for _ in range(20):
            assert (await client.heard.get())["more_body"]
        client.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client.task


def careless() -> FastAPI:
    """Handlers that the refusal does not come through as it is."""
    app = FastAPI(openapi_url=None)

    @app.websocket("/swallows")
    @allow(signed_in)
    async def swallows(socket: WebSocket) -> None:
        await socket.accept()
        for _ in range(2):
            with contextlib.suppress(Exception):
                await socket.send_text(await socket.receive_text())

    @app.websocket("/groups")
    @allow(signed_in)
    async def groups(socket: WebSocket) -> None:
        await socket.accept()
        async with asyncio.TaskGroup() as group:
            group.create_task(hear(socket))
            group.create_task(tell(socket))

    async def hear(socket: WebSocket) -> None:
        while True:
            await socket.receive_text()

    async def tell(socket: WebSocket) -> None:
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(0)

    return app


@pytest.mark.parametrize("path", ["/swallows", "/groups"])
async def test_a_handler_that_swallows_or_wraps_the_refusal_hides_nothing(
    path: str, tmp_path: Path
) -> None:
    """It is closed as refused and logged as such: neither as an ordinary end, nor as a crash."""
    stores = await signed_up(tmp_path)
    async with guarded(careless(), tmp_path, stores=stores) as site:
        talk = Talk(site, path)
        talk.say("before")
        await talk.hear()
        await sign_out(stores)
        talk.say("after")
        assert await talk.end() == "websocket.close 1008"
        log = (tmp_path / "log").read_text()
        assert '"code":"token.revoked"' in log
        assert "server.error" not in log
