"""The head of a request: within limits, and with one reading only.

A proxy in front of the application and the application itself must read the same head. What two
parsers could read differently is refused: a header that may occur once and occurs twice, two ways
to tell the body's length, control characters, a content type with alternatives in it. ``Host`` must
name a host of ours. Otherwise an attacker could point a name at this address (DNS rebinding): every
request under that name would count as same-origin, and the check for CSRF would be useless.

Sources: RFC 9110 sections 5.3, 5.5 and 8.3; RFC 9112 section 6.3; ASVS 4.2.1; ATTACKS H01, H02.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from ringfence.core.errors import Refused

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

#: Headers that mean something to a layer, and so may occur only once.
_ONCE: Final = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"cookie",  # joined by the server where HTTP/2 splits it
        b"host",
        b"origin",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"transfer-encoding",
    }
)
_CONTROL: Final = bytes({*range(0x20), 0x7F} - {ord("\t")})
_LENGTH_DIGITS: Final = 15  # a petabyte; more digits are no length

_TOKEN: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105  # RFC 9110 section 5.6.2
_MEDIA_TYPE: Final = re.compile(rf"({_TOKEN}/{_TOKEN})((?:[ \t]*;.*)?)")
_PARAMETER: Final = re.compile(rf"[ \t]*;[ \t]*({_TOKEN})=(?:({_TOKEN})|\"([^\"\\,;]*)\")")

#: Names by which the machine itself reaches a server on its loopback interface.
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLimits:
    """How much head is read; a limit itself is still allowed."""

    headers: int = 100
    headers_bytes: int = 32_768  # every value, and each name once
    target_bytes: int = 8_192  # path and query as sent


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentType:
    """What ``Content-Type`` says."""

    media_type: str  # lower case, without parameters
    charset: str = "utf-8"  # lower case
    boundary: str = ""  # of multipart bodies


def check(headers: Headers, found: Mapping[bytes, bytes], limits: HeadLimits) -> None:
    """Refuse headers that are too many, too large, or could be read in two ways.

    Args:
        headers: As sent.
        found: The same by name, of several the last.
        limits: How much is read.

    Raises:
        Refused: ``head.too_large`` or ``head.malformed``.
    """
    if len(headers) > limits.headers:
        raise Refused("head.too_large", facts={"headers": len(headers)})
    if len(found) != len(headers):
        _refuse_repeated(name for name, _ in headers)
    values = b"".join(found.values() if len(found) == len(headers) else (v for _, v in headers))
    size = len(values) + len(b"".join(found))
    if size > limits.headers_bytes:
        raise Refused("head.too_large", facts={"bytes": size})
    if len(values.translate(None, _CONTROL)) != len(values):
        raise malformed("control character")
    if b"content-type" in found:
        content_type(found[b"content-type"])
    if b"content-length" in found or b"transfer-encoding" in found:
        _refuse_ambiguous_length(found)


@lru_cache(maxsize=64)
def content_type(value: bytes) -> ContentType:
    """Parse ``Content-Type``. Raises ``head.malformed`` if it could be read in two ways."""
    text = value.decode("latin-1")
    match = _MEDIA_TYPE.fullmatch(text)
    if match is None:
        raise malformed("content type")
    parameters: dict[str, str] = {}
    rest = match[2].rstrip(" \t")
    while rest:
        parameter = _PARAMETER.match(rest)
        name = parameter[1].lower() if parameter else ""
        if parameter is None or name in parameters:
            raise malformed("content type")
        parameters[name] = parameter[2] or parameter[3] or ""
        rest = rest[parameter.end() :]
    return ContentType(
        media_type=match[1].lower(),
        charset=parameters.get("charset", "utf-8").lower(),
        boundary=parameters.get("boundary", ""),
    )


def origins_by_host(origins: Iterable[str]) -> dict[bytes, bytes]:
    """Every ``Host`` under which ``origins`` are reached, with the origin it stands for.

    The default port may be written or left out, and a loopback address may be given by any of its
    names. The origin is spelled as browsers spell it, with the host of the request.
    """
    hosts: dict[bytes, bytes] = {}
    for origin in origins:
        parts = urlsplit(origin)
        name = parts.netloc.removesuffix(f":{parts.port}")
        default = _PORTS[parts.scheme]
        port = parts.port or default
        for alias in _LOOPBACK if name in _LOOPBACK else (name,):
            bare = alias if port == default else f"{alias}:{port}"
            canonical = f"{parts.scheme}://{bare}".encode()
            hosts[bare.encode()] = hosts[f"{alias}:{port}".encode()] = canonical
    return hosts


def malformed(reason: str) -> Refused:
    """``head.malformed`` with its reason in the event."""
    return Refused("head.malformed", facts={"reason": reason})


def _refuse_repeated(names: Iterable[bytes]) -> None:
    seen: set[bytes] = set()
    for name in names:
        if name in seen and name in _ONCE:
            raise malformed(f"repeated {name.decode('ascii')}")
        seen.add(name)


def _refuse_ambiguous_length(headers: Mapping[bytes, bytes]) -> None:
    """RFC 9112 section 6.3: a length and an encoding are an attempt at smuggling."""
    length, encoding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if length is not None and encoding is not None:
        raise malformed("two lengths")
    if length is not None and not (length.isdigit() and len(length) <= _LENGTH_DIGITS):
        raise malformed("content length")
    if encoding is not None and encoding.lower() != b"chunked":
        raise malformed("transfer encoding")
