"""Handlers under way: how many of one route run at once, and how long until their answer begins.

A route whose handlers are slow would hold what all routes share: memory, connections of a database,
and the forty threads in which handlers without ``async`` run. So each route has places of its own.
Whoever finds none waits; whoever finds too many waiting is told to come back. A handler whose
answer has begun holds no place: it may stream for as long as it likes. One whose answer does not
begin in time is cancelled. A thread can't be: its client is answered, and it keeps its place until
it returns, so that threads do not become more and more. While as many calls wait for a thread as
there are threads, no route that needs one takes more.

Sources: OWASP API4:2023; CWE-400, CWE-770; ASVS 5.0 15.2.2.
"""

import asyncio
import functools
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, Protocol, TypeAlias

from anyio.to_thread import current_default_thread_limiter

from ringfence.core.asgi import Message, Send
from ringfence.core.errors import Refused
from ringfence.core.exchange import Exchange
from ringfence.core.route import Entry

#: Of those that wait for a place, so many times the places.
_WAITING: Final = 4
#: Of the places, the part for handlers that need a thread.
_THREADED: Final = 3

_SWEEP_SECONDS: Final = 1.0
_RETRY_AFTER: Final = timedelta(seconds=1)


class Answering(Protocol):
    """The answer of a request."""

    started: bool


class _Route:
    """The places of one route."""

    __slots__ = ("free", "places", "threaded", "waiting")

    def __init__(self, entry: Entry, places: int) -> None:
        self.threaded: Final = _needs_a_thread(entry)
        self.places: Final = max(1, places // _THREADED) if self.threaded else places
        self.free = self.places
        self.waiting: Final[deque[asyncio.Future[None]]] = deque()


#: What is kept of one: its route, its answer, its task, and the number of the sweep before it. A
#: tuple, because one is made for every request.
_Running: TypeAlias = "tuple[_Route, Answering, asyncio.Task[Any] | None, int]"


class Handlers:
    """Gives places to handlers, and cancels those that take too long. Belongs to one event loop.

    Args:
        places: For each route.
        seconds: Until the answer begins; a second more, at most.
    """

    def __init__(self, places: int, seconds: int) -> None:
        self._places: Final = places
        self._seconds: Final = seconds
        self._routes: Final[dict[Entry, _Route]] = {}
        self._running: Final[dict[Exchange, _Running]] = {}
        self._without: Final[set[Exchange]] = set()  # those of them that hold no place
        self._overdue: Final[set[Exchange]] = set()
        self._left: Final[dict[Exchange, asyncio.Future[None]]] = {}  # threads nobody waits for
        self._sweeps = 0  # one a second, while anything runs
        self._sweeper: asyncio.TimerHandle | None = None

    def enter(self, exchange: Exchange, answer: Answering) -> Awaitable[None] | None:
        """Take a place for the handler of a request; ``leave`` gives it back.

        Returns:
            None, or what to wait for.

        Raises:
            Refused: ``handler.crowded``.
        """
        entry = exchange.entry
        if entry is None or entry.own or entry.kind == "websocket":
            return None
        route = self._routes.get(entry)
        if route is None:
            route = self._routes[entry] = _Route(entry, self._places)
        if route.threaded and _threads_are_short():
            raise Refused("handler.crowded", retry_after=_RETRY_AFTER)
        if not route.free:
            self._reclaim(route)
        wait = None
        if route.free:
            route.free -= 1
        elif len(route.waiting) < _WAITING * route.places:
            self._without.add(exchange)
            turn = asyncio.get_running_loop().create_future()
            route.waiting.append(turn)
            wait = self._wait(exchange, route, turn)
        else:
            raise Refused("handler.crowded", retry_after=_RETRY_AFTER)
        self._running[exchange] = (route, answer, asyncio.current_task(), self._sweeps)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)
        return wait

    def run(
        self, exchange: Exchange, handle: Callable[[Send], Awaitable[None]], send: Send
    ) -> Awaitable[None]:
        """Run the handler of a request that has entered."""
        running = self._running.get(exchange)
        if running is None or not running[0].threaded:
            return handle(send)
        return self._outlast(exchange, handle, send)

    def leave(self, exchange: Exchange) -> None:
        """Give the place back, to whoever has waited longest; a thread has it until it ends."""
        if exchange in self._left:
            return
        running = self._running.pop(exchange, None)
        if running is None:
            return
        if self._without and exchange in self._without:
            self._without.discard(exchange)
        else:
            _free(running[0])
        if self._overdue:
            self._overdue.discard(exchange)

    def overdue(self, exchange: Exchange) -> bool:
        """Whether the request was cancelled because its answer did not begin in time."""
        return exchange in self._overdue

    def close(self) -> None:
        """Look after nothing any more."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    async def _outlast(
        self, exchange: Exchange, handle: Callable[[Send], Awaitable[None]], send: Send
    ) -> None:
        """Run a handler in a thread; if that is cancelled, nobody hears it any more."""

        async def speak(message: Message) -> None:
            if exchange in self._left:
                raise OSError  # as a server does where the client has gone
            await send(message)

        def over(done: asyncio.Future[None]) -> None:
            del self._left[exchange]
            self.leave(exchange)
            if not done.cancelled():
                done.exception()  # which nobody waits for: the client has its answer

        handler = asyncio.ensure_future(handle(speak))
        try:
            await asyncio.shield(handler)
        except asyncio.CancelledError:
            if not handler.done():
                self._left[exchange] = handler
                handler.add_done_callback(over)
            raise

    async def _wait(self, exchange: Exchange, route: _Route, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                _free(route)  # it was given a place, and leaves: the next one
            elif turn in route.waiting:
                route.waiting.remove(turn)
            raise
        self._without.discard(exchange)

    def _reclaim(self, route: _Route) -> None:
        """Free the places of those whose answer has begun."""
        for exchange, (its, answer, _, _) in self._running.items():
            if its is route and answer.started and exchange not in self._without:
                self._without.add(exchange)
                _free(route)

    def _sweep(self) -> None:
        """As ``_reclaim``, for all routes; cancel those that take too long."""
        self._sweeps += 1
        for exchange, (route, answer, task, began) in self._running.items():
            if answer.started:
                if exchange not in self._without:
                    self._without.add(exchange)
                    _free(route)
            elif self._sweeps - began > self._seconds and exchange not in self._overdue:
                self._overdue.add(exchange)
                if task is not None:
                    task.cancel()
        self._sweeper = None
        if self._running:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)


def _free(route: _Route) -> None:
    """Give a place to whoever has waited longest: nobody who comes meanwhile gets it."""
    while route.waiting:
        turn = route.waiting.popleft()
        if not turn.done():
            turn.set_result(None)
            return
    route.free += 1


def _needs_a_thread(entry: Entry) -> bool:
    """Whether the handler is without ``async``: all such routes share the threads."""
    endpoint = getattr(entry.handler, "endpoint", None)
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return inspect.isfunction(endpoint) and not inspect.iscoroutinefunction(endpoint)


def _threads_are_short() -> bool:
    """Whether as many calls wait for a thread as there are, which streams may hold too."""
    threads = current_default_thread_limiter()
    if threads.available_tokens > 0:
        return False
    return threads.statistics().tasks_waiting >= threads.total_tokens
