"""The start and the end of a guarded application (ASGI lifespan).

A start that is refused is said last, once everything is closed: a server that hears it takes the
process down without waiting, and one to which it is never said takes the application for one that
needs no start, and goes on.
"""

from collections.abc import Callable

from ringfence.authz.seal import ASGIApp, Message, Receive, Send
from ringfence.core.errors import ConfigurationError, RingfenceError, StoreError
from ringfence.core.exchange import Scope
from ringfence.monitoring import crash
from ringfence.monitoring.redaction import Redactor


class Lifespan:
    """The application's own start and end, inside of ours."""

    def __init__(self, seal: Callable[[], None]) -> None:
        self._seal = seal
        self._answered = False
        self._waiting: list[Message] = []
        self._refusal: ConfigurationError | None = None

    async def run(
        self, app: ASGIApp, scope: Scope, startup: Message, receive: Receive, send: Send
    ) -> ConfigurationError | None:
        """Start ``app``, seal, end it with the server; at once where sealing is refused.

        Returns:
            Why it was refused; the server has not been told yet.
        """
        self._waiting.append(startup)

        async def inner_receive() -> Message:
            return self._waiting.pop() if self._waiting else await receive()

        async def inner_send(message: Message) -> None:
            await self._pass_on(message, send)

        try:
            await app(scope, inner_receive, inner_send)
        except Exception:
            if self._answered and self._refusal is None:
                raise
            # An application that knows no lifespan raises at once, and needs none.
        if not self._answered:
            await inner_send({"type": "lifespan.startup.complete"})
            if self._refusal is None:
                await receive()
                await send({"type": "lifespan.shutdown.complete"})
        return self._refusal

    async def _pass_on(self, message: Message, send: Send) -> None:
        self._answered = True
        if self._refusal is not None:
            return
        if message["type"] == "lifespan.startup.complete":
            try:
                self._seal()
            except ConfigurationError as error:
                self._refusal = error
                self._waiting.append({"type": "lifespan.shutdown"})
                return
        await send(message)


def refused(error: Exception) -> Message:
    """What the server is told of a start that is refused: a line for each problem."""
    if isinstance(error, StoreError):
        store, reason = error.facts["store"], error.facts["reason"]
        words = f"the {store} store does not answer: {reason}"
    elif isinstance(error, RingfenceError):
        words = str(error)
    else:
        words = crash.text(error, Redactor())
    return {"type": "lifespan.startup.failed", "message": words}
