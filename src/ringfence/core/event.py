"""Security events, which the log holds.

Names are those of the OWASP logging vocabulary, reasons those of the catalogue. An event never
holds a password, a token, a session id or a login in clear (ASVS 16.2.5): facts are chosen by the
code that raises them, and redacted once more where they are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ringfence.core.codes import Code


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


class EventSink(Protocol):
    """Takes events. Must neither block nor raise: it is called on the request path."""

    def emit(self, event: Event) -> None: ...
