"""Every string that the client of a request sent, gathered when somebody asks.

Only the SQL guard asks, and only when a statement is not constant: most requests never pay for it.

What a thread that was started with ``run_in_executor`` does has no request of its own: context
variables do not follow there (Ledger 41 and 43). For such code the inputs of **all** requests in
progress count.
"""

import json
import re
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from ringfence.boundary.request.body import Content, Fields
from ringfence.boundary.request.query import Pairs
from ringfence.boundary.request.strict_json import Json
from ringfence.boundary.sql.readings import Inputs, prepare
from ringfence.core.codes import Layer
from ringfence.core.exchange import Exchange, Slot, current, in_progress, refusal

#: What the checks of head and body leave behind.
QUERY: Final = Slot[Pairs]("boundary.query")
BODY: Final = Slot[Content]("boundary.body")
MESSAGES: Final = Slot[deque[str]]("boundary.messages")
_PREPARED: Final = Slot[tuple[bool, Inputs]]("boundary.inputs")

#: Headers of the protocol: browsers send these with every request, and what they say has quotes,
#: commas and words in it. Only what could end a string of SQL is looked at.
_PROTOCOL: Final = frozenset(
    {
        b"accept", b"accept-charset", b"accept-encoding", b"authorization", b"cache-control",
        b"connection", b"content-encoding", b"content-length", b"content-type", b"dnt", b"expect",
        b"host", b"if-match", b"if-modified-since", b"if-none-match", b"if-range",
        b"if-unmodified-since", b"keep-alive", b"origin", b"pragma", b"priority", b"range",
        b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"sec-fetch-dest",
        b"sec-fetch-mode", b"sec-fetch-site", b"sec-fetch-user", b"sec-gpc", b"sec-websocket-key",
        b"sec-websocket-extensions", b"sec-websocket-version", b"te", b"transfer-encoding",
        b"upgrade", b"upgrade-insecure-requests",
    }
)  # fmt: skip
_ENDS_A_STRING: Final = re.compile(rb"['\\%]")
_COOKIE_ESCAPE: Final = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")
_JSON: Final = ("{", "[", '"')
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_DEPTH: Final = 8  # texts within texts; nobody decodes that often
#: How many times what was sent they may come to: each way to decode doubles the ways (CWE-409).
_MOST_TIMES: Final = 4
_ALWAYS_CHARACTERS: Final = 65_536
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")


def of_current() -> Iterator[Inputs]:
    """The inputs of the current request; outside of one, of all requests in progress.

    Requests for which this layer is off have none.
    """
    exchange = current.get()
    for each in [exchange] if exchange is not None else list(in_progress):
        if Layer.BOUNDARY not in each.off:
            yield _prepared(each)


def _prepared(exchange: Exchange) -> Inputs:
    has_body = BODY in exchange.state  # a policy that loads its resource asks before it is read
    kept = exchange.state.get(_PREPARED)
    if kept is not None and kept[0] is has_body:
        return kept[1]
    sent_characters = sum(map(len, (*values(exchange, 0), *names(exchange, 0))))
    left = _ALWAYS_CHARACTERS + _MOST_TIMES * sent_characters
    found = list(_within(values(exchange), left))
    prepared = prepare(found, _within(names(exchange), left - sum(map(len, found))))
    if MESSAGES not in exchange.state:  # a WebSocket brings more as long as it is open
        exchange.state[_PREPARED] = has_body, prepared
    return prepared


def _within(texts: Iterator[str], left: int) -> Iterator[str]:
    """``texts``, which are refused where they come to more characters than are ``left``."""
    for text in texts:
        left -= len(text)
        if left < 0:
            raise refusal("sql.injected", found="too many texts within texts")
        yield text


def sent(exchange: Exchange) -> list[str]:
    """What the client sent, as it came and as handlers read it: for the log of a crash.

    One level of what is within: deeper ones multiply, and hold the client's own words alone.
    """
    query: bytes = exchange.scope.get("query_string", b"")
    path: bytes = exchange.scope.get("raw_path") or b""
    raw = [query.decode("latin-1"), *(path.decode("latin-1").split("/") if b"%" in path else ())]
    return [*raw, *values(exchange, 1), *_header_values(exchange, 1)]


def values(exchange: Exchange, depth: int = _DEPTH) -> Iterator[str]:
    """What handlers take for data, and the texts within to that ``depth``."""
    for part in (*exchange.match.parameters.values(), *_segments(exchange)):
        yield from _with_nested(part, depth)
    for _, value in exchange.state.get(QUERY, []):
        yield from _with_nested(value, depth)
    body = exchange.state.get(BODY)
    if isinstance(body, Fields):
        for _, value in body.pairs:
            yield from _with_nested(value, depth)
        yield from body.filenames
    elif isinstance(body, bytes):
        yield from _with_nested(body.decode("utf-8", "replace"), depth)
    else:
        yield from _leaves(body, depth)
    for message in exchange.state.get(MESSAGES, deque()):
        yield from _with_nested(message, depth)


def names(exchange: Exchange, depth: int = _DEPTH) -> Iterator[str]:
    """Names of parameters and members, cookies, and other headers that a handler may read."""
    yield from (name for name, _ in exchange.state.get(QUERY, []))
    body = exchange.state.get(BODY)
    if isinstance(body, Fields):
        yield from (name for name, _ in body.pairs)
    elif not isinstance(body, bytes):
        yield from _members(body)
    query: bytes = exchange.scope.get("query_string", b"")
    if b"'" in query:  # ``str(request.url)`` has it as it came
        yield query.decode("latin-1")
    yield from _header_values(exchange, depth)


def _header_values(exchange: Exchange, depth: int = _DEPTH) -> Iterator[str]:
    """The values of headers that a handler may read, and of cookies."""
    for name, value in exchange.scope.get("headers", ()):
        text = value.decode("latin-1")
        if name == b"cookie":
            yield from _cookies(text, depth)
        elif name not in _PROTOCOL or _ENDS_A_STRING.search(value):
            yield from _with_nested(text, depth)


def _cookies(header: str, depth: int) -> Iterator[str]:
    """The values of cookies, also as a parser reads them that knows octal escapes."""
    for pair in header.split(";"):
        value = pair.partition("=")[2 if "=" in pair else 0].strip(' "')  # or one without a name
        yield from _with_nested(value, depth)
        if "\\" in value:
            unescaped = _COOKIE_ESCAPE.sub(lambda m: chr(int(m[1], 8)) if m[1] else m[2], value)
            yield from _with_nested(unescaped, depth)


def _segments(exchange: Exchange) -> Iterator[str]:
    """Of a mounted application the table knows no parameters: each segment could be one."""
    if exchange.entry is None or exchange.entry.kind == "mount":
        yield from (segment for segment in exchange.scope["path"].split("/") if segment)


def _with_nested(text: str, depth: int = _DEPTH) -> Iterator[str]:
    """``text``, and the strings in it if it is JSON itself, or Base64 or hexadecimal text."""
    yield text
    if not depth:
        return
    depth -= 1
    if "%" in text and (decoded := unquote(text)) != text:
        yield from (each for each in _with_nested(decoded, depth) if each != decoded)
    stripped = text.strip()
    if stripped.startswith(_JSON):
        try:
            value: Json = json.loads(stripped)
        except (ValueError, RecursionError):
            return
        yield from _leaves(value, depth)
    elif _ENCODED.fullmatch(stripped):
        for inner in _decoded(stripped):
            yield from _with_nested(inner, depth)


def _decoded(text: str) -> Iterator[str]:
    """What ``text`` says if it is encoded text. Chance hardly ever makes printable UTF-8 of it."""
    encoded = text.rstrip("=").replace("-", "+").replace("_", "/")
    candidates = [bytes.fromhex(text)] if _HEXADECIMAL.fullmatch(text) else []
    with suppress(ValueError):
        candidates.append(b64decode(encoded + "=" * (-len(encoded) % 4)))
    for candidate in candidates:
        with suppress(UnicodeDecodeError):
            decoded = candidate.decode()
            if decoded.replace("\n", " ").replace("\t", " ").isprintable():
                yield decoded


def _leaves(value: Json, depth: int = _DEPTH) -> Iterator[str]:
    """Every string and number of a JSON value, as an application would write them into text."""
    pending: deque[Json] = deque([value])
    while pending:
        each = pending.popleft()
        if isinstance(each, str):
            yield from _with_nested(each, depth)
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
