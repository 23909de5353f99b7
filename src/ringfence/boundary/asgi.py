"""The boundary layer at the server's interface: what may come in."""

import contextlib
import importlib.util
from collections import deque
from collections.abc import Collection
from typing import Final
from weakref import WeakKeyDictionary

from ringfence.boundary.handlers import Handlers
from ringfence.boundary.processes import denial
from ringfence.boundary.request import body, csrf, inputs, path, query
from ringfence.boundary.request.body import BodyLimits
from ringfence.boundary.request.head import HeadLimits, check, malformed, origins_by_host
from ringfence.boundary.request.malformed import MalformedError
from ringfence.boundary.request.schema import Schema, declared_body
from ringfence.boundary.request.under_way import UnderWay
from ringfence.core.asgi import Message, Receive
from ringfence.core.errors import Refused
from ringfence.core.exchange import NO_SEAMS, Exchange, Seams
from ringfence.core.route import Entry
from ringfence.core.settings import Settings

_QUERY_PAIRS: Final = 100
#: Unfinished bodies of the largest size that one address may have under way.
_BODIES_PER_ADDRESS: Final = 16
_MESSAGES: Final = 64  # of a WebSocket, that the SQL guard remembers

#: Of a message to the auth service: a password of 1 KB, escaped, and a token are far below it.
_OWN_BODY_BYTES: Final = 16 * 1024

#: Requested by machines that know only an address, no name: load balancers, other services.
_WITHOUT_HOST_CHECK: Final = frozenset({"/healthz", "/readyz", "/.well-known/jwks.json"})


class Boundary:
    """Checks head and body of every request, and what handlers reach for.

    Args:
        settings: ``origin`` and ``allowed_origins`` say who we are and whom we trust,
            ``body_limit_bytes`` how much a body may hold.
        repeated: Names that may stand more than once in a query or form, beside ``name[]``.
        content_types: Further types of bodies that the application reads.
    """

    seams: Seams = NO_SEAMS

    def __init__(
        self,
        settings: Settings,
        *,
        repeated: Collection[str] = (),
        content_types: Collection[str] = (),
    ) -> None:
        self._settings: Final = settings
        self._own: Final = origins_by_host([settings.origin])
        self._hosts: Final = {**origins_by_host(settings.allowed_origins), **self._own}
        self._listed: Final = frozenset(origin.encode() for origin in settings.allowed_origins)
        self._repeated: Final = frozenset(repeated)
        self._content_types: Final = frozenset(content_types)
        self._head_limits: Final = HeadLimits()
        self._body_limits: Final = BodyLimits(body_bytes=settings.body_limit_bytes)
        self._under_way: Final = UnderWay(_BODIES_PER_ADDRESS * settings.body_limit_bytes)
        self._handlers: Final = Handlers(settings.handlers_at_once, settings.handler_seconds)
        self.enter: Final = self._handlers.enter
        self.run: Final = self._handlers.run
        self.leave: Final = self._handlers.leave
        self.overdue: Final = self._handlers.overdue
        self._own_limits: Final = BodyLimits(
            body_bytes=min(_OWN_BODY_BYTES, settings.body_limit_bytes)
        )
        self._schemas: WeakKeyDictionary[Entry, Schema | None] = WeakKeyDictionary()

    def start(self) -> None:
        """Deny new programs in this process, and have its SQL judged."""
        denial.freeze()
        _guard_sql(self._settings)

    def close(self) -> None:
        """Undo one ``start``."""
        self._handlers.close()
        _release_sql(self._settings)
        denial.thaw()

    def check_head(self, exchange: Exchange) -> None:
        """Refuse a head that is too large, ambiguous, for another host, or from another site.

        Raises:
            Refused: ``head.*``, ``host.unknown``, ``path.malformed``, ``query.malformed`` or
                ``csrf.*``.
        """
        scope = exchange.scope
        headers = exchange.headers
        check(scope["headers"], headers, self._head_limits)
        raw_path: bytes | None = scope.get("raw_path")
        encoded: bytes = scope["query_string"]
        if len(raw_path or b"") + len(encoded) > self._head_limits.target_bytes:
            raise Refused("head.too_large", facts={"reason": "target"})
        path.check(raw_path, scope["path"])
        host = headers.get(b"host", b"")
        own = self._hosts.get(host) or self._hosts.get(host.lower(), b"")
        if not own and scope["path"] not in _WITHOUT_HOST_CHECK:
            if b"host" not in headers:
                raise malformed("no host")  # RFC 9110 section 7.2
            served = " ".join(known.decode() for known in self._hosts)
            asked = host.decode("latin-1")
            raise Refused("host.unknown", facts={"asked": asked, "served": served})
        method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
        if verdict := csrf.verdict(method, headers, own, self._listed):
            raise Refused(verdict)
        if encoded:
            exchange.state[inputs.QUERY] = self._query(encoded)

    async def read_body(self, exchange: Exchange, receive: Receive) -> Receive:
        """Read and check the body, and give the application what was checked.

        Raises:
            Refused: ``body.*``.
        """
        scope = exchange.scope
        if scope["type"] != "http":
            return _remembering(exchange, receive, self._body_limits.body_bytes)
        headers = exchange.headers
        schema = self._schema(exchange.entry) if exchange.entry is not None else None
        if not body.is_announced(scope.get("http_version", "1.1"), headers):
            if schema is not None:
                raise Refused("body.invalid", facts={"reason": "no body"})
            return receive
        own = exchange.entry is not None and exchange.entry.own
        limits = self._own_limits if own else self._body_limits
        if int(headers.get(b"content-length", b"0")) > limits.body_bytes:
            raise Refused("body.too_large", facts={"limit": limits.body_bytes})
        with self._under_way.body(exchange.client) as hold:
            content = await body.read(receive, limits, hold)
        if content:
            kind = body.accepted_type(scope["method"], headers, self._content_types)
            exchange.state[inputs.BODY] = read = body.content(content, kind, limits, self._repeated)
            if not isinstance(read, body.Fields | bytes):
                exchange.state[inputs.JSON] = content
            elif schema is not None:
                raise Refused("body.type", facts={"reason": "JSON is due"})
        if schema is not None:
            schema.check(content)
        return body.replaying(content, receive)

    def gather(self, exchange: Exchange) -> None:
        """Leave what the client sent in ``exchange.inputs``: for the log of a crash."""
        with contextlib.suppress(Exception):  # the log must not fail on what it describes
            exchange.inputs = inputs.sent(exchange)

    def _schema(self, entry: Entry) -> Schema | None:
        """The body that the entry's handler declares; looked for once."""
        try:
            return self._schemas[entry]
        except KeyError:
            schema = self._schemas[entry] = declared_body(entry.handler)
            return schema

    def _query(self, encoded: bytes) -> query.Pairs:
        try:
            return query.parse(encoded, pairs=_QUERY_PAIRS, repeated=self._repeated)
        except MalformedError as error:
            raise Refused("query.malformed", facts={"reason": str(error)}) from None


def _guard_sql(settings: Settings) -> None:
    """Guard SQLAlchemy, if the application has it. Importing it is left to the application."""
    if importlib.util.find_spec("sqlalchemy") is not None:
        from ringfence.boundary.sql.sqlalchemy import install  # noqa: PLC0415  # it costs 0.5 s

        install(settings.sql_guard)


def _release_sql(settings: Settings) -> None:
    """Undo one ``_guard_sql``."""
    if importlib.util.find_spec("sqlalchemy") is not None:
        from ringfence.boundary.sql.sqlalchemy import remove  # noqa: PLC0415  # as above

        remove(settings.sql_guard)


def _remembering(exchange: Exchange, receive: Receive, most: int) -> Receive:
    """A WebSocket's ``receive`` that bounds messages, and keeps the last ones for the SQL guard.

    Args:
        exchange: Of the connection.
        receive: The server's.
        most: How long a message may be, and all those together that are kept; in bytes where the
            message is binary, in characters where it is text.
    """
    messages: deque[str] = deque(maxlen=_MESSAGES)
    exchange.state[inputs.MESSAGES] = messages
    kept = 0

    async def listen() -> Message:
        nonlocal kept
        message = await receive()
        said: str | bytes | None = message.get("text")
        if said is None:
            said = message.get("bytes")
        if not said:
            return message
        if len(said) > most:
            raise Refused("body.too_large", facts={"limit": most})
        text = said if isinstance(said, str) else said.decode("utf-8", "replace")
        while messages and (kept + len(text) > most or len(messages) == _MESSAGES):
            kept -= len(messages.popleft())
        messages.append(text)
        kept += len(text)
        return message

    return listen
