"""When a run proves nothing, or cannot be made."""

from typing import Final

#: What an attack stumbles over where an answer is not what it expects.
SURPRISES: Final = (LookupError, TypeError, ValueError, AttributeError, OSError)


class UnprovenError(Exception):
    """The run proves nothing: no answer came, honest use failed, a limit was in the way.

    It is never counted as stopped.
    """


class UnavailableError(Exception):
    """This machine cannot run the attack: a program is missing. It is not counted as stopped."""


def reason(error: Exception) -> str:
    """Why a run proves nothing, in words."""
    return str(error) if isinstance(error, UnprovenError) else f"{type(error).__name__}: {error}"


def require(holds: bool, what: str) -> None:  # noqa: FBT001  # reads like an assertion
    """Raise ``UnprovenError`` unless ``holds``; ``what`` says what should have worked."""
    if not holds:
        raise UnprovenError(what)
