"""How often one client may use a route, as data.

    @app.post("/reports")
    @allow(signed_in)
    @limit("10/15m", by="account")
    async def report() -> Report: ...

The same value stands for a prefix in ``Ringfence(app, limits={"/api": limit("600/m")})``. It has no
behaviour of its own: ``authn`` counts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias, TypeVar, get_args

from ringfence.core.errors import ConfigurationError

By: TypeAlias = Literal["address", "account"]
HandlerT = TypeVar("HandlerT", bound=Callable[..., object])

#: The attribute of a handler that holds its limits.
LIMITS_ATTRIBUTE: Final = "__ringfence_limits__"

MOST: Final = 1_000_000
LONGEST: Final = timedelta(days=30)

_RATE: Final = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,6})?([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``amount`` in any ``window``; written as ``10/15m``, ``600/m``, ``5/s``."""

    amount: int
    window: timedelta

    def __str__(self) -> str:
        seconds = int(self.window.total_seconds())
        unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
        length = seconds // _SECONDS[unit]
        return f"{self.amount}/{length if length > 1 else ''}{unit}"


@dataclass(frozen=True, slots=True, repr=False)
class Limit:
    """A rate, and whom it is counted for."""

    rate: Rate
    by: By

    def __call__(self, handler: HandlerT) -> HandlerT:
        """Declare it for a handler; it may have several."""
        setattr(handler, LIMITS_ATTRIBUTE, (self, *declared_limits(handler)))
        return handler

    def __repr__(self) -> str:
        return f'limit("{self.rate}", by="{self.by}")'

    def holds(self, other: "Limit") -> bool:
        """Whether whoever keeps to this one keeps to ``other``."""
        mine, its = self.rate, other.rate
        return self.by == other.by and mine.amount <= its.amount and mine.window >= its.window


def limit(rate: str, *, by: By = "address") -> Limit:
    """At most so many requests of one client.

    Args:
        rate: Such as ``"10/15m"``: ten in any fifteen minutes. Units are s, m, h and d.
        by: ``"address"`` (IPv6 by its /64), or ``"account"``: who is not signed in is counted by
            the address.

    Raises:
        ConfigurationError: This is no rate, or nothing that can be counted by.
    """
    if by not in get_args(By):
        raise ConfigurationError(f'limit: by is "address" or "account", not {by!r}')
    try:
        return Limit(rate_of(rate), by)
    except ValueError:
        raise ConfigurationError(f"limit: {rate!r} is no rate such as 10/15m") from None


def rate_of(text: str) -> Rate:
    """What ``text`` says. Raises ValueError."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError
    amount, length, unit = int(found[1]), int(found[2] or 1), found[3]
    window = timedelta(seconds=length * _SECONDS[unit])
    if amount > MOST or window > LONGEST:
        raise ValueError
    return Rate(amount, window)


def declared_limits(handler: object) -> tuple[Limit, ...]:
    """The limits that are declared on ``handler``."""
    found: tuple[Limit, ...] = getattr(handler, LIMITS_ATTRIBUTE, ())
    return found
