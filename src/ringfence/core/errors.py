"""The errors of Ringfence.

RingfenceError
├── Refused             a control said no; carries a code of the catalogue
│   └── StoreError      a store failed or went away: ``store.unavailable``
├── ConfigurationError  the start is refused; names only, never values
└── RoutesSealed        routes were added, moved or removed after the start

"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from ringfence.core.codes import CODES, Code


class RingfenceError(Exception):
    """The base of every error that Ringfence raises on purpose."""


class Refused(RingfenceError):  # a judgement, not a fault of the program
    """A control refused the request.

    Args:
        code: Name in the catalogue, such as ``"refresh.reused"``.
        retry_after: When the client may try again; becomes ``Retry-After`` in whole seconds.
        allow: Methods for the ``Allow`` header of a 405.
        facts: What the event says beside the code. Never shown to the client.
    """

    code: Code

    def __init__(
        self,
        code: str,
        *,
        retry_after: timedelta | None = None,
        allow: Iterable[str] = (),
        facts: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = CODES[code]
        self.retry_after = retry_after
        self.allow = tuple(allow)
        self.facts = dict(facts or {})


class StoreError(Refused):
    """A store failed. The request is refused with 503; nobody is let in."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__("store.unavailable", facts={"store": store, "reason": reason})


class ConfigurationError(RingfenceError):
    """The start is refused. ``problems`` name settings or routes and never hold a value."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RoutesSealed(RingfenceError):
    """Code tried to change a list of routes after the start. The list stays as it was."""
