"""Problem details: what a client is told of a refusal, and nothing else.

``type``, ``title``, ``status``, ``code`` and ``request_id``. Code and title are the public ones, so
that a refusal for somebody else's resource has the same bytes as one for a missing resource, except
for the id.

Sources: RFC 9457; RFC 9110 sections 10.2.1, 10.2.3 and 15.5.6; RFC 6750 section 3; API.md.
"""

import math
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import msgspec

from ringfence.core.codes import CODES, Code, public
from ringfence.output.headers import Header

CONTENT_TYPE: Final[Header] = (b"content-type", b"application/problem+json")

#: Codes of a bearer token that was sent and is not valid (RFC 6750 3.1). A request without one is
#: told no reason.
_TOKENS: Final = frozenset({"token.invalid", "token.expired"})


class _Problem(msgspec.Struct, frozen=True):
    """The members in the order in which they are sent; ``request_id`` comes last."""

    type: str
    title: str
    status: int
    code: str


def _opening(code: Code, status: int) -> bytes:
    """Everything before the value of the request id."""
    problem = _Problem(f"urn:ringfence:problem:{code.name}", code.title, status, code.name)
    return msgspec.json.encode(problem)[:-1] + b',"request_id":'


_OPENINGS: Final = MappingProxyType(
    {name: _opening(public(code), public(code).status) for name, code in CODES.items()}
)


def body(code: Code, request_id: str, *, status: int = 0) -> bytes:
    """The problem that answers ``code``; ``status`` if it differs from that of the code."""
    opening = _opening(public(code), status) if status else _OPENINGS[code.name]
    return opening + msgspec.json.encode(request_id) + b"}"


def soon(status: int) -> list[Header]:
    """When to come back after a 503 that does not say so: the failure may be over at once."""
    return [(b"retry-after", b"1")] if status == HTTPStatus.SERVICE_UNAVAILABLE else []


def headers(
    code: Code, *, retry_after: timedelta | None = None, allow: Iterable[str] = ()
) -> list[Header]:
    """The headers that belong to the refusal, beside those of every response."""
    found: list[Header] = [CONTENT_TYPE]
    if retry_after is None:
        found += soon(code.status)
    else:
        seconds = max(1, math.ceil(retry_after.total_seconds()))
        found.append((b"retry-after", b"%d" % seconds))
    if code.status == HTTPStatus.METHOD_NOT_ALLOWED:
        found.append((b"allow", ", ".join(allow).encode("latin-1")))
    if code.status == HTTPStatus.UNAUTHORIZED:
        invalid = public(code).name in _TOKENS
        found.append(
            (b"www-authenticate", b'Bearer error="invalid_token"' if invalid else b"Bearer")
        )
    return found
