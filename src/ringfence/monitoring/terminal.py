"""Events for a person at a terminal: one line, the reason first, colour for high levels."""

from collections.abc import Mapping
from typing import Any, Final

from ringfence.monitoring.record import escaped

_COLOURS: Final[Mapping[str, str]] = {
    "INFO": "36",
    "WARN": "33",
    "WARNING": "33",
    "ERROR": "31",
    "CRITICAL": "1;31",
}
_DIM: Final = "2"
_MOST_CHARACTERS: Final = 80  # of one fact


def event(made: Mapping[str, Any], *, colour: bool) -> str:
    """One readable line of an event's record.

    ``12:04:31  WARN  ownership.foreign (authz)  404 GET /orders/{order_id}  by 7f3a… from …``
    """
    request = " ".join(str(made[name]) for name in ("status", "method", "route") if name in made)
    around = [f"by {made['subject']}"] if "subject" in made else []
    around += [f"from {made['client']}"] if "client" in made else []
    facts: Mapping[str, object] = made.get("facts", {})
    around += [f"{name}={_short(str(value))}" for name, value in facts.items()]
    around += [f"id {made['request_id']}"] if "request_id" in made else []
    reason = f"{made['level']:<8} {made['code']} ({made['layer']})"
    return _line(made, reason, request, " ".join(around), colour=colour)


def log(made: Mapping[str, Any], *, colour: bool) -> str:
    """One readable line of a record of the process's own logging; more for a traceback."""
    shown = _line(made, f"{made['level']:<8} {made['logger']}", made["message"], "", colour=colour)
    return f"{shown}\n{made['exception']}" if "exception" in made else shown


def request(made: Mapping[str, Any], *, colour: bool) -> str:
    """One readable line of a request's record."""
    asked = " ".join(str(made[name]) for name in ("status", "method", "route") if name in made)
    around = [f"from {made['client']}"] if "client" in made else []
    around += [f"{made['milliseconds']} ms", f"id {made['request_id']}"]
    name = f"{made['level']:<8} {made['logger']}"
    return _line(made, name, asked, " ".join(around), colour=colour)


def _short(value: str) -> str:
    """The value, in quotes where it is no single word; of a long one the beginning."""
    if len(value) > _MOST_CHARACTERS:
        value = value[: _MOST_CHARACTERS - 1] + "…"
    return f"'{value}'" if " " in value else value


def _line(made: Mapping[str, Any], loud: str, plain: str, dim: str, *, colour: bool) -> str:
    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour and text else text

    parts = (
        paint(made["time"][11:19], _DIM),
        paint(escaped(loud), _COLOURS.get(made["level"], "0")),
        escaped(plain),
        paint(escaped(dim), _DIM),
    )
    return "  ".join(part for part in parts if part)
