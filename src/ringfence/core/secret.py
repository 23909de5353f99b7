"""A secret that cannot be formatted by accident.

ASVS 16.2.5 and ATTACKS M01: a secret in a log, a traceback or an error page is a leak. The value
comes out of ``reveal()`` alone, a name that is easy to search for in a review.
"""

from typing import Final, Generic, NoReturn, TypeVar

T = TypeVar("T", bytes, str)

MASK: Final = "•••"


class Secret(Generic[T]):
    """Holds ``bytes`` or ``str``; its repr, str and format give nothing away."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __len__(self) -> int:
        return len(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
