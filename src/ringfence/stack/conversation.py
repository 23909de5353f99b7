"""An open WebSocket: each message, in or out, has its token judged again (ATTACKS D01)."""

from typing import Final

from ringfence.core.asgi import ASGIApp, Message, Receive, Send
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.stack.layers import Clock
from ringfence.stack.protocols import Authn


class Conversation:
    """Passes messages between client and application as long as the token is valid."""

    def __init__(self, exchange: Exchange, authn: Authn, clock: Clock) -> None:
        self._exchange: Final = exchange
        self._authn: Final = authn
        self._clock: Final = clock
        self._refused: Refused | None = None

    async def run(self, app: ASGIApp, receive: Receive, send: Send) -> None:
        """Run ``app``, to its end or to the first message after the token was revoked or expired.

        Raises:
            Refused: Why it ended. It is raised even if the application swallowed the error, or
                wrapped it as a task group does.
        """

        async def listen() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                await self._judge()
            return message

        async def speak(message: Message) -> None:
            if message["type"] == "websocket.send":
                await self._judge()
            await send(message)

        try:
            await app(self._exchange.scope, listen, speak)
        except Exception:
            if self._refused is None:
                raise
        if self._refused is not None:
            raise self._refused

    async def _judge(self) -> None:
        try:
            await self._authn.judge_again(self._exchange, self._clock())
        except Refused as refused:
            self._refused = self._refused or refused
            raise
