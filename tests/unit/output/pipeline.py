"""The output layer alone around an application, called as the pipeline calls it."""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ringfence.core.asgi import Message
from ringfence.core.codes import Layer
from ringfence.core.errors import Refused
from ringfence.core.event import Event
from ringfence.core.exchange import Exchange, current
from ringfence.core.policy import Policy, signed_in
from ringfence.core.route import Entry
from ringfence.core.settings import Settings
from ringfence.output.asgi import Output
from ringfence.stack import protocols
from ringfence_demo.careless.output import CarelessOutput
from tests.careless import parts, seams

Header: TypeAlias = tuple[bytes, bytes]
App: TypeAlias = Callable[..., Awaitable[None]]

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REQUEST_ID = "0190a5c2"
SITE = Settings(origin="https://shop.example", allowed_origins=frozenset({"https://id.example"}))
ON: frozenset[Layer] = frozenset()
OFF = frozenset({Layer.OUTPUT})


@dataclass
class Answer:
    """What the client got, and what was written down."""

    messages: list[Message] = field(default_factory=list[Message])
    events: list[Event] = field(default_factory=list[Event])
    exchange: Exchange | None = None

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> list[Header]:
        return self.messages[0]["headers"]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def code(self) -> str:
        return json.loads(self.body)["code"]

    @property
    def codes(self) -> list[str]:
        return [event.code.name for event in self.events]

    def values(self, name: str) -> list[str]:
        return [v.decode("latin-1") for k, v in self.headers if k == name.encode()]

    def value(self, name: str) -> str:
        (found,) = self.values(name)
        return found


async def through(
    app: App,
    *,
    off: frozenset[Layer] = ON,
    settings: Settings = SITE,
    kind: str = "http",
    method: str = "GET",
    path: str = "/",
    query: bytes = b"",
    headers: Iterable[Header] = (),
    body: bytes = b"",
    policy: Policy = signed_in,
    own: bool = False,
) -> Answer:
    """Send one request through ``before``, ``guard``, the application and ``finish``."""
    answer = Answer()
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query,
        "headers": list(headers),
        "scheme": "https",
        "server": ("shop.example", 443),
        "client": ("192.0.2.7", 50000),
    }
    if kind == "http":
        scope["method"] = method
    exchange = Exchange(scope, request_id=REQUEST_ID, now=NOW, sink=answer, seams=seams(*off))
    exchange.entry = Entry(pattern=path, policy=policy, own=own)
    answer.exchange = exchange
    output: protocols.Output = CarelessOutput(parts(settings)) if off else Output(settings)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    token = current.set(exchange)
    output.before(exchange)
    guard = output.guard(exchange, answer.send)
    try:
        await app(scope, receive, guard)
        await guard.finish()
    except Refused as refused:
        await output.answer(exchange, refused, guard)
    except Exception as error:  # noqa: BLE001  # the pipeline answers whatever comes
        await output.answer_crash(exchange, error, guard)
    finally:
        current.reset(token)
    return answer


def answering(
    status: int, headers: Iterable[Header] = (), body: bytes | Iterable[bytes] = b""
) -> App:
    """An application that always says the same."""
    chunks = [body] if isinstance(body, bytes) else list(body)

    async def app(
        scope: Message, receive: object, send: Callable[[Message], Awaitable[None]]
    ) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for number, chunk in enumerate(chunks, 1):
            more = number < len(chunks)
            await send({"type": "http.response.body", "body": chunk, "more_body": more})

    return app
