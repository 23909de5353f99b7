"""The start and the end of a guarded application (ASGI lifespan).

The last message says that the start is refused, or that all has ended. It is sent once everything
is closed, because a server that receives it stops the process at once, together with what is still
under way. It is always sent: if there were only an exception, a server would believe that the
application needs no start, and would go on.
"""

from collections.abc import Callable
from typing import Final

from ringfence.core.asgi import ASGIApp, Message, Receive, Scope, Send
from ringfence.core.errors import ConfigurationError, RingfenceError, StoreError
from ringfence.monitoring import crash
from ringfence.monitoring.redaction import Redactor

_STARTED: Final = "lifespan.startup.complete"
_ENDED: Final = "lifespan.shutdown.complete"


class Lifespan:
    """The application's own start and end, inside of ours.

    Args:
        seal: Called once the application has started.
        redacted: Gives a text of the application as it may be written down.
    """

    def __init__(self, seal: Callable[[], None], redacted: Callable[[str], str]) -> None:
        self._seal: Final = seal
        self._redacted: Final = redacted
        self._answered = False
        self._waiting: list[Message] = []
        self._last: Message | None = None

    async def run(
        self, app: ASGIApp, scope: Scope, startup: Message, receive: Receive, send: Send
    ) -> Message:
        """Start ``app``, seal, and end it with the server; at once if sealing is refused.

        Returns:
            The last message, which the server has not received yet.
        """
        self._waiting.append(startup)

        async def inner_receive() -> Message:
            return self._waiting.pop() if self._waiting else await receive()

        async def inner_send(message: Message) -> None:
            await self._pass_on(message, send)

        try:
            await app(scope, inner_receive, inner_send)
        except Exception:
            if self._answered and self._last is None:
                raise
            # An application that knows no lifespan raises at once, and needs none.
        if not self._answered:
            await inner_send({"type": _STARTED})
            await inner_receive()
        return self._last or {"type": _ENDED}

    async def _pass_on(self, message: Message, send: Send) -> None:
        self._answered = True
        if message["type"] == _STARTED:
            try:
                self._seal()
            except ConfigurationError as error:
                self._last = refused(error)
                self._waiting.append({"type": "lifespan.shutdown"})
            else:
                await send(message)
        elif self._last is None:
            words = self._redacted(message.get("message", ""))
            self._last = {**message, "message": words} if words else message


async def say(last: Message, send: Send) -> None:
    """Send the last message, and raise what failed: Starlette's ``TestClient`` waits for both.

    Servers that have the message ignore the exception, which says no more than the message.

    Raises:
        ConfigurationError: The start failed.
        RuntimeError: The application's own end did.
    """
    await send(last)
    words: str = last.get("message", "")
    if last["type"] == "lifespan.startup.failed":
        raise ConfigurationError(*words.splitlines())
    if last["type"] == "lifespan.shutdown.failed":
        raise RuntimeError(words)


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
