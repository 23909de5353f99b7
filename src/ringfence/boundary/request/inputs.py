"""What the client of a request sent, gathered when somebody asks.

The SQL guard asks for **one text** of it all, in lower case, in which it looks whether a stretch of
a statement was sent. That text is made by the interpreter's own loops, so that a request of many
small values costs no more than one of few large ones (CWE-407). The log of a crash asks for the
single **strings**, to leave them out.
"""

import json
import re
from base64 import b64decode
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import unquote, unquote_plus

from ringfence.boundary.request.body import Content, Fields
from ringfence.boundary.request.query import Pairs
from ringfence.boundary.request.strict_json import Json
from ringfence.core.exchange import Exchange, Slot

#: What the checks of head and body leave behind.
QUERY: Final = Slot[Pairs]("boundary.query")
BODY: Final = Slot[Content]("boundary.body")
JSON: Final = Slot[bytes]("boundary.json")  # the body as it came, if it is JSON
MESSAGES: Final = Slot[deque[str]]("boundary.messages")
_TEXT: Final = Slot[tuple[object, object, str]]("boundary.text")

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
_LIKE_JSON: Final = ("{", "[", '"')
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEXADECIMAL: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")


def text(exchange: Exchange) -> str:
    """All that the client sent, as it came and as it was read, in one text and in lower case.

    Of a body of JSON the escapes are read, and nothing else: it is searched, not parsed again.
    """
    body = exchange.state.get(BODY)  # a policy that loads its resource asks before it is read
    messages = exchange.state.get(MESSAGES)
    last = messages[-1] if messages else None
    kept = exchange.state.get(_TEXT)
    if kept is not None and kept[0] is body and kept[1] is last:
        return kept[2]
    query: bytes = exchange.scope.get("query_string", b"")
    path: bytes = exchange.scope.get("raw_path") or b""
    pieces = [exchange.scope.get("path", ""), path.decode("latin-1"), query.decode("latin-1")]
    if b"%" in query or b"+" in query:
        pieces.append(unquote_plus(pieces[-1]))
    pieces += [value.decode("latin-1") for _, value in exchange.scope.get("headers", ())]
    if isinstance(body, Fields):
        pieces += [each for pair in body.pairs for each in pair]
        pieces += body.filenames
    elif isinstance(body, bytes):
        pieces.append(body.decode("utf-8", "replace"))
    elif body is not None:
        pieces.append(_unescaped(exchange.state[JSON]))
    made = "\0".join([*pieces, *(messages or ())]).lower()
    exchange.state[_TEXT] = body, last, made
    return made


def _unescaped(document: bytes) -> str:
    """A document of valid JSON with the characters that its escapes stand for."""
    if b"\\" not in document:
        return document.decode("utf-8", "replace")
    # Python's own escapes are those of JSON, but for the slash.
    known = document.replace(b"\\\\", b"\\x5c").replace(b"\\/", b"/").decode("utf-8", "replace")
    return known.encode("ascii", "backslashreplace").decode("unicode_escape")


def sent(exchange: Exchange) -> list[str]:
    """What the client sent, as it came and as handlers read it: for the log of a crash.

    One level of what is within: deeper ones multiply, and hold the client's own words alone.
    """
    query: bytes = exchange.scope.get("query_string", b"")
    path: bytes = exchange.scope.get("raw_path") or b""
    raw = [query.decode("latin-1"), *(path.decode("latin-1").split("/") if b"%" in path else ())]
    return [*raw, *values(exchange), *_header_values(exchange)]


def values(exchange: Exchange) -> Iterator[str]:
    """What handlers take for data, and what is encoded in it."""
    for part in (*exchange.match.parameters.values(), *_segments(exchange)):
        yield from _with_nested(part)
    for _, value in exchange.state.get(QUERY, []):
        yield from _with_nested(value)
    body = exchange.state.get(BODY)
    if isinstance(body, Fields):
        for _, value in body.pairs:
            yield from _with_nested(value)
        yield from body.filenames
    elif isinstance(body, bytes):
        yield from _with_nested(body.decode("utf-8", "replace"))
    else:
        for leaf in _leaves(body):
            yield from _with_nested(leaf)
    for message in exchange.state.get(MESSAGES, deque()):
        yield from _with_nested(message)


def fields(exchange: Exchange) -> Iterator[tuple[str, Json]]:
    """Each field that the client named, in the query and anywhere in the body, with its value.

    Of a text that is JSON itself also those within; deeper ones are text.
    """
    named: list[tuple[str, Json]] = [*exchange.state.get(QUERY, [])]
    body = exchange.state.get(BODY)
    if isinstance(body, Fields):
        named += body.pairs
    document = None if isinstance(body, Fields | bytes) else body
    yield from named
    yield from _members(document)
    for text in leaves([document, *(value for _, value in named)]):
        if isinstance(text, str) and text.lstrip().startswith(_LIKE_JSON):
            with suppress(ValueError, RecursionError):
                yield from _members(json.loads(text))


def _members(value: Json) -> Iterator[tuple[str, Json]]:
    """Every member of every object in a JSON value."""
    pending: deque[Json] = deque([value])
    while pending:
        each = pending.popleft()
        if isinstance(each, dict):
            yield from each.items()
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)


def leaves(value: Json) -> Iterator[Json]:
    """Everything in a JSON value that is neither an object nor a list."""
    pending: deque[Json] = deque([value])
    while pending:
        each = pending.popleft()
        if isinstance(each, dict):
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
        else:
            yield each


def _header_values(exchange: Exchange) -> Iterator[str]:
    """The values of headers that a handler may read, and of cookies."""
    for name, value in exchange.scope.get("headers", ()):
        text = value.decode("latin-1")
        if name == b"cookie":
            yield from _cookies(text)
        elif name not in _PROTOCOL or _ENDS_A_STRING.search(value):
            yield from _with_nested(text)


def _cookies(header: str) -> Iterator[str]:
    """The values of cookies, also as a parser reads them that knows octal escapes."""
    for pair in header.split(";"):
        value = pair.partition("=")[2 if "=" in pair else 0].strip(' "')  # or one without a name
        yield from _with_nested(value)
        if "\\" in value:
            unescaped = _COOKIE_ESCAPE.sub(lambda m: chr(int(m[1], 8)) if m[1] else m[2], value)
            yield from _with_nested(unescaped)


def _segments(exchange: Exchange) -> Iterator[str]:
    """Of a mounted application the table knows no parameters: each segment could be one."""
    if exchange.entry is None or exchange.entry.kind == "mount":
        yield from (segment for segment in exchange.scope["path"].split("/") if segment)


def _with_nested(text: str) -> Iterator[str]:
    """``text``, and what it says if it is JSON, percent-encoded, Base64 or hexadecimal.

    One level of what is within: deeper ones multiply, and hold the client's own words alone.
    """
    yield text
    if "%" in text and (decoded := unquote(text)) != text:
        yield decoded
    stripped = text.strip()
    if stripped.startswith(_LIKE_JSON):
        with suppress(ValueError, RecursionError):
            yield from _leaves(json.loads(stripped))
    elif _ENCODED.fullmatch(stripped):
        yield from _decoded(stripped)


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


def _leaves(value: Json) -> Iterator[str]:
    """Every string and number of a JSON value, as an application would write them into text."""
    for each in leaves(value):
        if isinstance(each, str):
            yield each
        elif isinstance(each, int | float) and not isinstance(each, bool):
            yield str(each)
