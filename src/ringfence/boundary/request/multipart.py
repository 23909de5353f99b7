"""Multipart forms, checked strictly before the application's parser sees them.

A part is a name and a value, or a name and a file. What two parsers read differently is refused: a
preamble, padding after a boundary, escapes and ``filename*`` in ``Content-Disposition``, transfer
encodings, multipart within multipart, and names that repeat without being declared to.

Sources: RFC 7578; RFC 2046 section 5.1.1; ATTACKS H08 and I11.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

from ringfence.boundary.request.malformed import MalformedError
from ringfence.boundary.request.query import refuse_repeated

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_HEAD_LIMIT_BYTES: Final = 4_096  # headers of one part
_HEADER: Final = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_PARAMETER: Final = re.compile(
    rb"[ \t]*;[ \t]*(name|filename)=(?:\"([^\"\\]*)\"|([A-Za-z0-9!#$&'*+.^_`|~-]+))"
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PLAIN_ENCODINGS: Final = frozenset({b"7bit", b"8bit", b"binary"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. ``text`` is the value of a field; for a file it stays empty."""

    name: str
    filename: str | None
    text: str


def parse(body: bytes, boundary: str, *, parts: int, repeated: Container[str]) -> list[Part]:
    """The parts of ``body``, in order.

    Args:
        body: All of it.
        boundary: As ``Content-Type`` names it.
        parts: How many there may be.
        repeated: Names that may stand more than once, beside those that end in ``[]``.

    Raises:
        MalformedError: Its text is the reason.
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise MalformedError("boundary")
    delimiter = b"--" + boundary.encode()
    if not body.startswith(delimiter):
        raise MalformedError("preamble")
    # One more than allowed at most is cut off: 10,000 empty parts cost nothing.
    pieces = body[len(delimiter) :].split(b"\r\n" + delimiter, parts + 1)
    if len(pieces) > parts + 1:
        raise MalformedError("too many parts")
    if pieces.pop() not in (b"--", b"--\r\n"):
        raise MalformedError("not closed")
    found = [_part(piece) for piece in pieces]
    refuse_repeated([part.name for part in found], repeated)
    return found


def _part(piece: bytes) -> Part:
    head, separator, content = piece.partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n") or len(head) > _HEAD_LIMIT_BYTES:
        raise MalformedError("part head")
    headers: dict[bytes, bytes] = {}
    for line in head[2:].split(b"\r\n"):
        header = _HEADER.fullmatch(line)
        if header is None or header[1].lower() in headers:
            raise MalformedError("part header")
        headers[header[1].lower()] = header[2].strip()
    if headers.get(b"content-transfer-encoding", b"binary").lower() not in _PLAIN_ENCODINGS:
        raise MalformedError("transfer encoding")
    if headers.get(b"content-type", b"").lower().startswith(b"multipart/"):
        raise MalformedError("nested")
    disposition = _disposition(headers.get(b"content-disposition", b""))
    filename = disposition.get(b"filename")
    name = disposition.get(b"name")
    if not name:
        raise MalformedError("part without a name")
    text = "" if filename is not None else _text(content)
    return Part(name=name, filename=filename, text=text)


def _disposition(value: bytes) -> dict[bytes, str]:
    kind, semicolon, parameters = value.partition(b";")
    if kind.strip().lower() != b"form-data":
        raise MalformedError("disposition")
    found: dict[bytes, str] = {}
    rest = semicolon + parameters
    while rest:
        parameter = _PARAMETER.match(rest)
        if parameter is None or parameter[1] in found:
            raise MalformedError("disposition")
        found[parameter[1]] = _text(parameter[2] if parameter[2] is not None else parameter[3])
        rest = rest[parameter.end() :]
    return found


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("not UTF-8") from None
    if _CONTROL.search(text):
        raise MalformedError("control character")
    return text
