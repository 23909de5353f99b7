"""The start and the end of a guarded application (ASGI lifespan)."""

from collections.abc import Callable

from ringfence.authz.seal import ASGIApp, Message, Receive, Send
from ringfence.core.errors import ConfigurationError
from ringfence.core.exchange import Scope


class Lifespan:
    """The application's own start and end, inside of ours."""

    def __init__(self, seal: Callable[[], None]) -> None:
        self._seal = seal
        self._answered = False

    async def run(
        self, app: ASGIApp, scope: Scope, startup: Message, receive: Receive, send: Send
    ) -> None:
        first = [startup]

        async def inner_receive() -> Message:
            return first.pop() if first else await receive()

        async def inner_send(message: Message) -> None:
            await self._pass_on(message, send)

        try:
            await app(scope, inner_receive, inner_send)
        except Exception:
            if self._answered:
                raise
            # An application that knows no lifespan raises at once, and needs none.
        if not self._answered:
            await self._pass_on({"type": "lifespan.startup.complete"}, send)
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

    async def _pass_on(self, message: Message, send: Send) -> None:
        self._answered = True
        if message["type"] == "lifespan.startup.complete":
            try:
                self._seal()
            except ConfigurationError as error:
                message = {"type": "lifespan.startup.failed", "message": str(error)}
        await send(message)
