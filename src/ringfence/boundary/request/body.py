"""The body: of a known type, within its limits, in time, and with one reading only.

It is read only once the caller is known and allowed (DESIGN 4), so a stranger causes no parsing.
All of it is held, so that the limit is exact and the application gets what was checked, byte for
byte.

Sources: RFC 9110 sections 8.3, 8.4 and 9.3; ASVS 1.5.2, 4.1.1, 5.2.1; ATTACKS H07, H08, I05, I11.
"""

import asyncio
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

from ringfence.boundary.request import multipart, query, strict_json
from ringfence.boundary.request.head import ContentType, content_type
from ringfence.boundary.request.malformed import MalformedError
from ringfence.core.asgi import Message, Receive
from ringfence.core.errors import Refused

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_JSON: Final = "application/json"
_ASCII: Final = "us-ascii"
_CHARSETS: Final = frozenset({"utf-8", _ASCII})
#: How JSON with strings begins. No form begins so: it percent-encodes these (WHATWG URL).
_JSON_OPENS: Final = (b"{", b"[", b'"')
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """What is read of a body; a limit itself is still allowed."""

    body_bytes: int = 1_048_576
    pairs: int = 1_000  # of a form
    parts: int = 100  # of a multipart form
    patience: timedelta = timedelta(seconds=10)  # for a body that comes slowly
    pace_bytes: int = 16_384  # each time so many have come, one second is added


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a form holds."""

    pairs: query.Pairs
    filenames: tuple[str, ...] = ()


#: What a body says; its bytes, if the type is one that the application declared.
Content: TypeAlias = strict_json.Json | Fields | bytes


def is_announced(http_version: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the head announces a body. In HTTP/2 and later only the end of the body tells."""
    length = headers.get(b"content-length")
    if length is not None:
        return length.strip(b"0") != b""
    return b"transfer-encoding" in headers or http_version not in ("1.0", "1.1")


def accepted_type(
    method: str, headers: Mapping[bytes, bytes], declared: Container[str]
) -> ContentType:
    """The type of the body.

    Raises:
        Refused: ``body.type``: nobody here reads it. ``body.malformed``: the method has no body.
    """
    if method in _WITHOUT_BODY:
        raise _malformed("a body where none has a meaning")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refused("body.type", facts={"reason": "compressed"})
    found = content_type(headers[b"content-type"]) if b"content-type" in headers else None
    if found is None:
        raise Refused("body.type", facts={"reason": "no type"})
    known = found.media_type in (_JSON, _FORM, _MULTIPART) or _is_json(found.media_type)
    if not known and found.media_type not in declared:
        raise Refused("body.type", facts={"reason": "type"})
    if known and found.charset not in _CHARSETS:
        raise Refused("body.type", facts={"reason": "charset"})
    return found


async def read(receive: Receive, limits: BodyLimits, hold: Callable[[int], None]) -> bytes:
    """All of the body.

    Args:
        receive: The server's.
        limits: How much is read, and how long.
        hold: Called with the size of each piece; raises if too much is held (``under_way``).

    Raises:
        Refused: ``body.too_large``, ``body.too_slow``, or ``body.malformed`` if the client left;
            what ``hold`` raises.
    """
    chunks: list[bytes] = []
    size = 0
    start = asyncio.get_running_loop().time() + limits.patience.total_seconds()
    try:
        async with asyncio.timeout_at(start) as deadline:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise _malformed("cut off")
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limits.body_bytes:
                    raise Refused("body.too_large", facts={"limit": limits.body_bytes})
                hold(len(chunk))
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
                deadline.reschedule(start + size / limits.pace_bytes)
    except TimeoutError:
        raise Refused("body.too_slow", facts={"bytes": size}) from None


def content(
    body: bytes, kind: ContentType, limits: BodyLimits, repeated: Container[str]
) -> Content:
    """What the body says.

    Raises:
        Refused: ``body.malformed``.
    """
    if kind.charset == _ASCII and not body.isascii():
        raise _malformed("not ASCII")  # to one parser Latin-1, to another UTF-8
    if kind.media_type == _FORM and body.lstrip()[:1] in _JSON_OPENS:
        raise _malformed("JSON under another name")  # for handlers that read it all the same
    try:
        if kind.media_type == _FORM:
            pairs = query.parse(body, pairs=limits.pairs, repeated=repeated, form=True)
            return Fields(pairs=pairs)
        if kind.media_type == _MULTIPART:
            parts = multipart.parse(body, kind.boundary, parts=limits.parts, repeated=repeated)
            return Fields(
                pairs=[(part.name, part.text) for part in parts],
                filenames=tuple(part.filename for part in parts if part.filename is not None),
            )
        return strict_json.parse(body) if _is_json(kind.media_type) else body
    except MalformedError as error:
        raise _malformed(str(error)) from None


def replaying(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body in one piece and then what the server still has to say."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


def _is_json(media_type: str) -> bool:
    return media_type == _JSON or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _malformed(reason: str) -> Refused:
    return Refused("body.malformed", facts={"reason": reason})
