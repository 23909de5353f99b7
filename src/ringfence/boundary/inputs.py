"""Every string that the client of a request sent, gathered when somebody asks.

Only the SQL guard asks, and only when a statement is not constant: most requests never pay for it.

What a thread that was started with ``run_in_executor`` does has no request of its own: context
variables do not follow there (Ledger 41 and 43). For such code the inputs of **all** requests in
progress count.
"""

import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from ringfence.boundary.body import Content, Fields
from ringfence.boundary.readings import Inputs, prepare
from ringfence.boundary.strict_json import Json
from ringfence.core.codes import Layer
from ringfence.core.exchange import Exchange, current, in_progress

#: Keys of ``Exchange.state``: what the checks of head and body leave behind.
QUERY: Final = "boundary.query"
BODY: Final = "boundary.body"
MESSAGES: Final = "boundary.messages"
_PREPARED: Final = "boundary.inputs"

#: Headers of the protocol, whose values no handler takes for data.
_PROTOCOL: Final = (
    b"accept", b"access-control-", b"authorization", b"cache-control", b"connection", b"content-",
    b"cookie", b"dnt", b"expect", b"host", b"if-", b"origin", b"pragma", b"priority", b"range",
    b"sec-", b"te", b"transfer-encoding", b"upgrade",
)  # fmt: skip
_COOKIE_ESCAPE: Final = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")
_NESTED_JSON: Final = ('{"', "[", '"', "{ ")
_NESTED_LENGTH: Final = 65_536


def of_current() -> Iterator[Inputs]:
    """The inputs of the current request; outside of one, of all requests in progress.

    Requests for which this layer is off have none.
    """
    exchange = current.get()
    for each in [exchange] if exchange is not None else list(in_progress):
        if Layer.BOUNDARY not in each.off:
            yield _prepared(each)


def _prepared(exchange: Exchange) -> Inputs:
    prepared: Inputs | None = exchange.state.get(_PREPARED)
    if prepared is None:
        exchange.inputs = list(values(exchange))
        prepared = prepare(exchange.inputs, names(exchange))
        if MESSAGES not in exchange.state:  # a WebSocket brings more as long as it is open
            exchange.state[_PREPARED] = prepared
    return prepared


def values(exchange: Exchange) -> Iterator[str]:
    """What handlers take for data."""
    yield from exchange.match.parameters.values()
    yield from _segments(exchange)
    for _, value in exchange.state.get(QUERY, ()):
        yield from _with_nested(value)
    body: Content = exchange.state.get(BODY)
    if isinstance(body, Fields):
        for _, value in body.pairs:
            yield from _with_nested(value)
        yield from body.filenames
    elif isinstance(body, bytes):
        yield body.decode("utf-8", "replace")
    else:
        yield from _leaves(body)
    for message in exchange.state.get(MESSAGES, ()):
        yield from _with_nested(message)


def names(exchange: Exchange) -> Iterator[str]:
    """Names of parameters and members, cookies, and other headers that a handler may read."""
    yield from (name for name, _ in exchange.state.get(QUERY, ()))
    body: Content = exchange.state.get(BODY)
    if isinstance(body, Fields):
        yield from (name for name, _ in body.pairs)
    elif not isinstance(body, bytes):
        yield from _members(body)
    for name, value in exchange.scope.get("headers", ()):
        text = value.decode("latin-1")
        if name == b"cookie":
            yield from _cookies(text)
        elif not name.startswith(_PROTOCOL) or name == b"accept-language":
            yield text


def _cookies(header: str) -> Iterator[str]:
    """The values of cookies, also as a parser reads them that knows octal escapes."""
    for pair in header.split(";"):
        value = pair.partition("=")[2].strip(' "')
        yield value
        if "\\" in value:
            yield _COOKIE_ESCAPE.sub(lambda m: chr(int(m[1], 8)) if m[1] else m[2], value)


def _segments(exchange: Exchange) -> Iterator[str]:
    """Of a mounted application the table knows no parameters: each segment could be one."""
    if exchange.entry is None or exchange.entry.kind == "mount":
        yield from (segment for segment in exchange.scope["path"].split("/") if segment)


def _with_nested(text: str) -> Iterator[str]:
    """``text``, and the strings in it if it is JSON itself."""
    yield text
    if text.startswith(_NESTED_JSON) and len(text) <= _NESTED_LENGTH:
        try:
            value: Json = json.loads(text)
        except (ValueError, RecursionError):
            return
        yield from _leaves(value)


def _leaves(value: Json) -> Iterator[str]:
    """Every string and number of a JSON value, as an application would write them into text."""
    pending: deque[Json] = deque([value])
    while pending:
        each = pending.popleft()
        if isinstance(each, str):
            yield each
            if each.startswith(_NESTED_JSON):
                yield from (text for text in _with_nested(each) if text != each)
        elif isinstance(each, dict):
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, int | float) and not isinstance(each, bool):
            yield str(each)


def _members(value: Json) -> Iterator[str]:
    pending: deque[Json] = deque([value])
    while pending:
        each = pending.popleft()
        if isinstance(each, dict):
            yield from each
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
