"""An event as one line of JSON.

A line is ASCII and holds no control character: what a client sent cannot start a second line, and
cannot control a terminal (ATTACKS I09). Fields have a limit, and so has the line: it fits into the
atomic write of a pipe.

Sources: OWASP Logging Vocabulary and Logging Cheat Sheets; OWASP ASVS 5.0 section 16.2; RFC 3339;
MUSTS L01-L04.
"""

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import msgspec

from ringfence.core.event import Event
from ringfence.monitoring.redaction import Redactor

MOST_CHARACTERS: Final = 512  # of one field
MOST_FACTS: Final = 16
MOST_BYTES: Final = 4096  # of one line: PIPE_BUF on Linux

_SHORT: Final = 64  # characters of a field where the line is too long

_DELETE: Final = b"\x7f"  # the one ASCII control character that JSON leaves as it is

_fast: Final = msgspec.json.Encoder().encode
_safe: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def record(event: Event, redactor: Redactor) -> dict[str, Any]:
    """What is written of ``event``: when, how loud, what, and where and who as far as known."""
    code = event.code
    who = event.subject or event.client or "-"
    made: dict[str, Any] = {
        "time": timestamp(event.at),
        "level": code.level.value,
        "event": f"{code.event}:{bounded(who)}",
        "code": code.name,
        "layer": code.layer.value,
        "description": code.title,
    }
    for name, value in (
        ("request_id", event.request_id),
        ("client", event.client),
        ("subject", event.subject),
        ("method", event.method),
        ("route", event.route),
        ("trace_id", event.trace_id),
        ("parent_id", event.parent_id),
    ):
        if value:
            made[name] = bounded(value)
    if event.status:
        made["status"] = event.status
    if event.facts:
        made["facts"] = _facts(event.facts, redactor)
    return made


def line(made: Mapping[str, Any]) -> bytes:
    """The record as one line of at most ``MOST_BYTES``, its end included."""
    encoded = _encoded(made)
    if len(encoded) >= MOST_BYTES:
        short = {n: v[:_SHORT] if isinstance(v, str) else v for n, v in made.items()}
        encoded = _encoded({**short, "facts": {"omitted": len(encoded)}})
    return encoded + b"\n"


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return f"{_second(int(at.timestamp()))}.{at.microsecond // 1000:03d}Z"


@functools.lru_cache(2)
def _second(seconds: int) -> str:
    """The part of a timestamp that stays the same for a second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def bounded(text: str) -> str:
    """``text``, or its beginning and what is left out."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}… ({len(text) - MOST_CHARACTERS} more)"


def escaped(text: str) -> str:
    """``text`` with an escape for each control character, line break and mark of direction."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def _facts(facts: Mapping[str, object], redactor: Redactor) -> dict[str, str | int]:
    """The redactor gets the whole value: half a secret cannot be recognised by its shape."""
    made: dict[str, str | int] = {}
    for name, value in islice(facts.items(), MOST_FACTS):
        fact = redactor.fact(name, value)
        made[bounded(name)] = fact if isinstance(fact, int) else bounded(fact)
    return made


def _encoded(made: Mapping[str, Any]) -> bytes:
    try:
        encoded = _fast(made)
    except UnicodeEncodeError:  # half a surrogate pair
        encoded = b"\xff"
    if encoded.isascii() and _DELETE not in encoded:
        return encoded
    return _safe(made).encode().replace(_DELETE, b"\\u007f")
