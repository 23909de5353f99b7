"""The record of one request on its way through the layers.

The pipeline makes one ``Exchange`` for each request. Every layer reads it and writes its own part
of it. A control that is safe by construction (an argument list, a sanitiser) leaves a ``trace``.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, overload

from ringfence.core.asgi import Scope
from ringfence.core.codes import CODES, Code
from ringfence.core.decision import NOTHING_REQUESTED
from ringfence.core.errors import Refused
from ringfence.core.event import Event, EventSink, trace_parent
from ringfence.core.principal import Principal
from ringfence.core.route import NOTHING, Entry, Match

#: The key of the ASGI scope under which handlers and dependencies find their exchange.
SCOPE_KEY: Final = "ringfence"

_MOST_REFUSALS: Final = 100  # of one request; a WebSocket may stay open for long

T = TypeVar("T")


class Slot(Generic[T]):
    """The key under which one module keeps a value of type ``T`` with a request."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name: Final = name  # for people who look at ``Exchange.state``

    def __repr__(self) -> str:
        return f"Slot({self._name!r})"


#: The declared classes whose rows a request has read.
READ: Final = Slot[set[type]]("rows.read")


class State(Protocol):
    """What modules keep with a request, each under its own ``Slot``: a dictionary, typed by key."""

    @overload
    def get(self, slot: Slot[T], /) -> T | None: ...
    @overload
    def get(self, slot: Slot[T], default: T, /) -> T: ...
    def setdefault(self, slot: Slot[T], default: T, /) -> T: ...
    def __getitem__(self, slot: Slot[T], /) -> T: ...
    def __setitem__(self, slot: Slot[T], value: T, /) -> None: ...
    def __contains__(self, slot: Slot[Any], /) -> bool: ...
    def __len__(self) -> int: ...


#: What layer objects provide for seams (``core.seam``), by seam. A guarded layer provides nothing:
#: seams fall back on the guarded implementations.
Seams: TypeAlias = Mapping[Slot[Any], Any]
NO_SEAMS: Final[Seams] = MappingProxyType({})


class Exchange:
    """Everything the layers know about one request. Lives as long as the request does.

    It is mutable on purpose, as the only such value. Each attribute is written by one layer.
    """

    __slots__ = (
        "announced",
        "began",
        "client",
        "closing",
        "entry",
        "headers",
        "inputs",
        "match",
        "now",
        "over",
        "principal",
        "refusals",
        "request_id",
        "resource",
        "scope",
        "seams",
        "sink",
        "state",
        "status",
        "traces",
    )

    def __init__(
        self,
        scope: Scope,
        *,
        request_id: str,
        now: datetime,
        sink: EventSink,
        seams: Seams = NO_SEAMS,
    ) -> None:
        self.scope = scope
        self.request_id = request_id
        self.now = now  # aware UTC, read once for the request
        self.sink = sink  # where the layers' events go
        self.seams = seams  # what the layers of this request provide
        self.headers: dict[bytes, bytes] = dict(scope.get("headers", ()))  # of several, the last
        self.client = ""  # network: the client's address
        self.match: Match = NOTHING  # authz: what the route table holds for this path
        self.entry: Entry | None = None  # authz: the entry decided upon
        self.principal: Principal | None = None  # authn
        self.refusals: list[Refused] = []  # to handlers, not written down yet
        self.announced: tuple[tuple[bytes, bytes], ...] = ()  # authn: headers of the answer
        self.resource = NOTHING_REQUESTED  # authz: what the policy's loader found
        self.inputs: list[str] = []  # boundary: all that the client sent, where a crash is told
        self.began = 0.0  # monitoring: seconds on a clock that does not jump
        self.status = 0  # monitoring: of the answer, once it has begun
        self.over = False  # whether the request has ended; its tasks may go on
        self.traces: list[Code] = []  # what controls did by construction
        kept: dict[Any, Any] = {}
        self.state: State = kept  # what modules keep with the request, such as a database session
        self.closing: list[Callable[[], Awaitable[None]]] = []  # and what closes it in the end

    def event(
        self,
        code: str,
        facts: Mapping[str, str | int] | None = None,
        *,
        subject: str | None = None,
        status: int | None = None,
    ) -> Event:
        """An event about this request.

        Args:
            code: Name in the catalogue, such as ``"signin.done"``.
            facts: What is known beside the request.
            subject: Whom it is about, if that is not the caller.
            status: HTTP status of the answer that it led to.
        """
        trace_id, parent_id = self.trace_parent or (None, None)
        return Event(
            at=self.now,
            code=CODES[code],
            request_id=self.request_id,
            client=self.client or None,
            subject=subject or (self.principal.subject if self.principal else None),
            method=self.scope.get("method"),
            route=self.entry.pattern if self.entry else None,
            status=status,
            facts=facts or {},
            trace_id=trace_id,
            parent_id=parent_id,
        )

    @property
    def trace_parent(self) -> tuple[str, str] | None:
        """See ``event.trace_parent``; found out when something is written down."""
        if b"traceparent" not in self.headers:
            return None
        return trace_parent(self.scope["headers"])


current: ContextVar[Exchange | None] = ContextVar("ringfence.exchange", default=None)


def trace(code: str) -> None:
    """Leave a trace in the current request: the control behind ``code`` has acted."""
    exchange = current.get()
    if exchange is not None:
        exchange.traces.append(CODES[code])


def refusal(code: str, **facts: str | int) -> Refused:
    """A refusal for a handler. It is logged even if the handler catches it and goes on.

    So is that of a task which outlives its request: nobody would ask for it any more.
    """
    refused = Refused(code, facts=facts)
    exchange = current.get()
    if exchange is not None and exchange.over:
        exchange.sink.emit(exchange.event(code, {**facts, "answered": "nobody: it was over"}))
    elif exchange is not None and len(exchange.refusals) < _MOST_REFUSALS:
        exchange.refusals.append(refused)
    return refused
