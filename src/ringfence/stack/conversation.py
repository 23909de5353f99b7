"""An answer that goes on, and the token that it is for: a WebSocket, or a body in many pieces.

Each message has the token judged again (ATTACKS D01). A connection on which nothing is said, from
the start of the answer to its last piece, is looked at once a second: whoever waits for something
to tell, or for the client's next message, would not notice that the session has ended.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final

from ringfence.core.asgi import ASGIApp, Message, Receive, Send
from ringfence.core.errors import Refused, StoreError
from ringfence.core.exchange import Exchange
from ringfence.stack.layers import Clock
from ringfence.stack.protocols import Authn

_EVERY_SECONDS: Final = 1.0


class Conversations:
    """Those that are open. Belongs to one event loop."""

    def __init__(self, authn: Authn, clock: Clock) -> None:
        self._authn: Final = authn
        self._clock: Final = clock
        self._open: Final[set[Conversation]] = set()
        self._looking: asyncio.Task[None] | None = None

    async def run(self, exchange: Exchange, app: ASGIApp, receive: Receive, send: Send) -> None:
        """Run ``app``, to its end or until the token is revoked or expires.

        Raises:
            Refused: Why it ended. It is raised even if the application swallowed the error, or
                wrapped it as a task group does.
        """
        conversation = Conversation(exchange, self, receive, send)
        listen = conversation.listen if exchange.scope["type"] == "websocket" else receive
        try:
            await app(exchange.scope, listen, conversation.speak)
        except asyncio.CancelledError:
            if conversation.refused is None or conversation.withdraw():
                raise
        except Exception:
            if conversation.refused is None:
                raise
        finally:
            self.remove(conversation)
        if conversation.refused is not None:
            raise conversation.refused

    def add(self, conversation: "Conversation") -> None:
        """Look at it once a second from here on."""
        self._open.add(conversation)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    def remove(self, conversation: "Conversation") -> None:
        """Look at it no more."""
        self._open.discard(conversation)

    async def judge(self, exchange: Exchange) -> None:
        """Judge the token as it is now. Raises Refused."""
        await self._authn.judge_again(exchange, self._clock())

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _look(self) -> None:
        while self._open:
            await asyncio.sleep(_EVERY_SECONDS)
            for conversation in list(self._open):
                try:
                    await self.judge(conversation.exchange)
                except StoreError:
                    continue  # the next message is judged, and none passes meanwhile
                except Refused as refused:
                    if conversation in self._open:  # it may have ended meanwhile
                        self._open.discard(conversation)
                        conversation.end(refused)


class Conversation:
    """One of them."""

    def __init__(
        self, exchange: Exchange, those: Conversations, receive: Receive, send: Send
    ) -> None:
        self.exchange: Final = exchange
        self.refused: Refused | None = None
        self._those: Final = those
        self._receive: Final = receive
        self._send: Final = send
        self._task: asyncio.Task[Any] | None = asyncio.current_task()
        self._cancelled = False
        if exchange.scope["type"] == "websocket":
            those.add(self)

    async def listen(self) -> Message:
        """What the client says."""
        message = await self._receive()
        if message["type"] == "websocket.receive":
            await self._judge()
        return message

    def speak(self, message: Message) -> Awaitable[None]:
        """What the application says. An answer in one piece has been judged with its request."""
        if message.get("more_body") or message["type"] == "websocket.send":
            return self._speak(message)
        if message["type"] == "http.response.start":
            self._those.add(self)
        elif message["type"].startswith("http."):
            self._those.remove(self)  # what follows its last piece is work of the application's own
        return self._send(message)

    def end(self, refused: Refused) -> None:
        """End it, whatever the application waits for."""
        self.refused = self.refused or refused
        if self._task is not None:
            self._cancelled = True
            self._task.cancel()

    def withdraw(self) -> bool:
        """Take our cancellation back; whether the server has cancelled it as well."""
        return not self._cancelled or (self._task is not None and self._task.uncancel() > 0)

    async def _speak(self, message: Message) -> None:
        await self._judge()
        await self._send(message)

    async def _judge(self) -> None:
        try:
            await self._those.judge(self.exchange)
        except Refused as refused:
            self.refused = self.refused or refused
            raise
