"""When a run proves nothing, or cannot be made."""


class UnprovenError(Exception):
    """The run proves nothing: no answer came, honest use failed, a limit was in the way.

    It is never counted as stopped.
    """


class UnavailableError(Exception):
    """This machine cannot run the attack: a program is missing. It is not counted as stopped."""


def require(holds: bool, what: str) -> None:  # noqa: FBT001  # reads like an assertion
    """Raise ``UnprovenError`` unless ``holds``; ``what`` says what should have worked."""
    if not holds:
        raise UnprovenError(what)
