"""Security events, which the log holds.

Names are those of the OWASP logging vocabulary, reasons those of the catalogue. An event never
holds a password, a token, a session id or a login in clear (ASVS 16.2.5): facts are chosen by the
code that raises them, and redacted once more where they are written.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from ringfence.core.codes import Code

_TRACEPARENT: Final = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One security event: when, where, who, what (ASVS 16.2.1)."""

    at: datetime  # aware UTC
    code: Code
    request_id: str | None = None
    client: str | None = None  # address of the client
    subject: str | None = None  # opaque user id
    method: str | None = None
    route: str | None = None  # the pattern, never the path: paths hold ids and tokens
    status: int | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    trace_id: str | None = None  # of the caller's trace
    parent_id: str | None = None  # of the caller's step in it


class EventSink(Protocol):
    """Takes events. Must neither block nor raise: it is called on the request path."""

    def emit(self, event: Event) -> None: ...


def trace_parent(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str] | None:
    """The trace and the step in it that a request belongs to, as its ``traceparent`` says.

    Returns:
        Trace id (32 hexadecimal digits) and parent id (16); None where the header is missing, is
        there twice, or is not exactly as version 00 has it.

    Source: W3C Trace Context section 3.2.
    """
    values = [value for name, value in headers if name == b"traceparent"]
    found = _TRACEPARENT.fullmatch(values[0]) if len(values) == 1 else None
    if found is None:
        return None
    trace, parent = found.groups()
    if not trace.strip(b"0") or not parent.strip(b"0"):  # "all zeroes" means none
        return None
    return trace.decode(), parent.decode()
