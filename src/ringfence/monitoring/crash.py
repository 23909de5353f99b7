"""What is written of an exception: its type, its words, and the frames that led to it.

The words are redacted, and everything that the client sent is taken out of them. In an event each
frame is file, line and function; source lines and the values of variables are not written.

Source: OWASP ASVS 5.0 requirements 16.2.5 and 16.5.1.
"""

import traceback
from collections.abc import Collection
from pathlib import PurePath
from typing import Final

from ringfence.monitoring.record import escaped
from ringfence.monitoring.redaction import Redactor

_MOST_FRAMES: Final = 6
_MOST_CAUSES: Final = 8
_MOST_WORDS: Final = 16_384  # characters that are looked at; far fewer are written


def facts(error: BaseException, redactor: Redactor, sent: Collection[str]) -> dict[str, str]:
    """The facts of a crash, its innermost frame first."""
    made = {"error": _kind(error), "message": redactor.text(_words(error), sent=sent)}
    if error.__cause__ is not None:
        made["cause"] = _kind(error.__cause__)
    frames = [(frame.f_code, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    made["where"] = " < ".join(
        f"{'/'.join(PurePath(code.co_filename).parts[-2:])}:{number} {code.co_name}"
        for code, number in reversed(frames[-_MOST_FRAMES:])
    )
    return made


def text(error: BaseException, redactor: Redactor) -> str:
    """A traceback like Python's, the first cause first; the words of an exception are one line."""
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None and len(parts) < _MOST_CAUSES:
        frames = "".join(traceback.format_tb(current.__traceback__))
        words = escaped(redactor.text(_words(current)))
        parts.append(f"{redactor.text(frames)}{_kind(current)}: {words}")
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return "\n\n".join(reversed(parts))


def _kind(error: BaseException) -> str:
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return module + kind.__qualname__


def _words(error: BaseException) -> str:
    """What the exception says; its ``__str__`` is the application's and may fail.

    If it repeats what a client sent, it can be as long as a body. It is cut between two words,
    because half a secret cannot be recognised by its shape.
    """
    try:
        words = str(error)
    except Exception:  # noqa: BLE001  # the log must not crash on what it describes
        return ""
    return words if len(words) <= _MOST_WORDS else words[:_MOST_WORDS].rpartition(" ")[0]
