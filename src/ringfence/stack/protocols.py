"""What the pipeline needs of each layer; any object that has it can be the layer.

Beside its checks every layer has ``seams``, which is what it provides for the seams of
``core.seam``, and ``start`` and ``close``, for hooks that belong to the whole process. A guarded
layer provides nothing for seams, because they fall back on the guarded implementations.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from ringfence.authn.flows import Flows
from ringfence.authn.hashing import Hashing
from ringfence.authz.resources import Finder
from ringfence.authz.starlette import Survey
from ringfence.core.asgi import Message, Receive, Send
from ringfence.core.errors import Refused
from ringfence.core.event import EventSink
from ringfence.core.exchange import Exchange, Seams
from ringfence.core.ownership import Fields, Resource
from ringfence.core.route import Entry
from ringfence.core.secret import Secret


class Declared(Protocol):
    """A database of the application, as ``storage.application`` has it."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What is declared about its rows."""
        ...

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why some of its rows are read and written whosever they are."""
        ...

    @property
    def fields(self) -> tuple[Fields, ...]:
        """The columns of its classes, and who reads and writes which."""
        ...

    @property
    def finders(self) -> Mapping[type, Finder]:
        """How each class that is declared is found."""
        ...

    def identify(self, key: Secret[bytes] | None) -> None:
        """Sign with ``key`` who asks, where the database verifies that; None: there is no key."""
        ...


class Workers(Hashing, Protocol):
    """Where passwords are hashed, until it is closed."""

    @property
    def load(self) -> tuple[int, int]:
        """How many are hashed, and how many wait."""
        ...

    def close(self) -> None: ...


class Layered(Protocol):
    """What every layer has."""

    @property
    def seams(self) -> Seams: ...
    def start(self) -> None:
        """Called once, when the application has started: it may have made its tables by then.

        Raises:
            ConfigurationError: The application must not be served; names each problem.
        """
        ...

    def close(self) -> None:
        """Undo ``start``; called once for each time that it has succeeded."""
        ...


class Network(Layered, Protocol):
    """Whose request is this?"""

    def admit(self, exchange: Exchange, /) -> None:
        """Set ``exchange.client``. Raises ``Refused``."""
        ...


class Boundary(Layered, Protocol):
    """What may come in."""

    def check_head(self, exchange: Exchange, /) -> None:
        """Judge all that comes before the body. Raises ``Refused``."""
        ...

    async def read_body(self, exchange: Exchange, receive: Receive, /) -> Receive:
        """Judge the body; returns how the application gets it. Raises ``Refused``."""
        ...

    def enter(self, exchange: Exchange, answer: "Answering", /) -> Awaitable[None] | None:
        """Called before the handler: None, or what to wait for. Raises ``Refused``."""
        ...

    def run(
        self, exchange: Exchange, handle: Callable[[Send], Awaitable[None]], send: Send, /
    ) -> Awaitable[None]:
        """Run the handler, which answers by the ``send`` that it is given."""
        ...

    def leave(self, exchange: Exchange, /) -> None:
        """Called once the handler has returned, or ``enter`` has raised."""
        ...

    def overdue(self, exchange: Exchange, /) -> bool:
        """Whether the handler was cancelled because it took too long."""
        ...

    def gather(self, exchange: Exchange, /) -> None:
        """Set ``exchange.inputs``, for the log of a crash. Never raises."""
        ...


class Authn(Layered, Protocol):
    """Who is asking?"""

    @property
    def flows(self) -> Flows:
        """Sign-in and the other flows, which the service offers over HTTP."""
        ...

    def identify(self, exchange: Exchange, /) -> Awaitable[None] | None:
        """Set ``exchange.principal``; None, or what to wait for. Raises ``Refused``."""
        ...

    def count(self, exchange: Exchange, /) -> Awaitable[None] | None:
        """Count a request to the application; None, or what to wait for. Raises ``Refused``."""
        ...

    async def judge_again(self, exchange: Exchange, now: datetime, /) -> None:
        """As ``identify``, for a connection that has been open for a while."""
        ...


class Authz(Layered, Protocol):
    """Which route is this, and may they?"""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The route table."""
        ...

    def build(self) -> Survey:
        """Read the application's routes, as ``start`` does; returns them with every problem."""
        ...

    def route(self, exchange: Exchange, /) -> None:
        """Set ``exchange.match`` and ``exchange.entry``. Raises ``Refused``."""
        ...

    def authorize(self, exchange: Exchange, /) -> Awaitable[None] | None:
        """Set ``exchange.resource``; None, or what to wait for. Raises ``Refused``."""
        ...

    async def explain(self, exchange: Exchange, /) -> dict[str, Any]:
        """Say how ``exchange`` would be decided, and why."""
        ...


class Answering(Protocol):
    """One response on its way out; the application calls it as ``send``."""

    started: bool  # whether the client has seen anything

    def __call__(self, message: Message, /) -> Awaitable[None]: ...
    async def finish(self) -> None:
        """Called once the application has returned."""
        ...


class Output(Layered, Protocol):
    """What leaves."""

    def before(self, exchange: Exchange, /) -> None:
        """Take out of the request what only Ringfence's own routes may see."""
        ...

    def guard(self, exchange: Exchange, send: Send, /) -> Answering:
        """Wrap ``send`` for the application."""
        ...

    async def answer(self, exchange: Exchange, refused: Refused, send: Answering, /) -> None:
        """Answer a refusal, unless the client has seen the start of another answer."""
        ...

    async def answer_crash(self, exchange: Exchange, error: Exception, send: Answering, /) -> None:
        """Answer an unforeseen exception, on the same condition."""
        ...


class Monitoring(Layered, EventSink, Protocol):
    """What is written down. Only ``ping`` may wait or raise.

    ``start`` is called before the application starts, because the application logs as well.
    """

    def refused(self, exchange: Exchange, refused: Refused, /) -> None:
        """A request was refused."""
        ...

    def swallowed(self, exchange: Exchange, /) -> None:
        """The application got ``exchange.refusals``, but did not pass them on as its answer."""
        ...

    def crashed(self, exchange: Exchange, error: Exception, /) -> None:
        """There was an unforeseen exception."""
        ...

    def watch(self, exchange: Exchange, send: Send, /) -> Send:
        """A request begins; ``send`` as its answer is to be sent."""
        ...

    def ended(self, exchange: Exchange, /) -> None:
        """A request is over, whatever came of it."""
        ...

    def redacted(self, text: str, /) -> str:
        """``text`` of the application as it may be written down elsewhere."""
        ...

    def ping(self) -> None:
        """Raises StoreError while the log takes no lines."""
        ...
