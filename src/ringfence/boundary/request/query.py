"""Queries and forms, read strictly and in one way only.

``?id=1&id=2`` means 1 to one parser and 2 to the next (parameter pollution, ATTACKS I11). So a name
may occur once only, unless it is declared to repeat: it ends in ``[]``, as such names do by
convention, or the application lists it. Starlette's own parser reads the same pairs from what
passes here.

Sources: WHATWG URL section 5.1 (application/x-www-form-urlencoded); ASVS 15.3.7.
"""

import re
from collections.abc import Container
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

from ringfence.boundary.request.malformed import MalformedError

Pairs: TypeAlias = list[tuple[str, str]]

_BROKEN_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
#: Useless in a query, but with them one can split a header, a log line or a terminal's output.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: In a form a text area holds lines and tabs.
_CONTROL_IN_FORMS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
#: Printable ASCII without "%" and "+": there is nothing to decode.
_PLAIN: Final = re.compile(rb"[!-$&-*,-~]*+")


def parse(encoded: bytes, *, pairs: int, repeated: Container[str], form: bool = False) -> Pairs:
    """The names and values of ``encoded``, in order.

    Args:
        encoded: The query without "?", or the body of a form.
        pairs: How many pairs there may be.
        repeated: Names that may stand more than once, beside those that end in ``[]``.
        form: Whether lines and tabs are allowed in values.

    Raises:
        MalformedError: Too many pairs, a repeated name, a broken escape, a control character, or
            bytes that are not UTF-8.
    """
    parts = encoded.split(b"&")
    if len(parts) > pairs:
        raise MalformedError("too many pairs")
    if _PLAIN.fullmatch(encoded):
        found = [_pair(part) for part in encoded.decode("ascii").split("&") if part]
    else:
        control = _CONTROL_IN_FORMS if form else _CONTROL
        found = [_decoded(part, control) for part in parts if part]
    refuse_repeated([name for name, _ in found], repeated)
    return found


def refuse_repeated(names: list[str], repeated: Container[str]) -> None:
    """Raise MalformedError if a name stands twice that may stand once."""
    if len(names) == len(set(names)):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen and not name.endswith("[]") and name not in repeated:
            raise MalformedError("repeated name")
        seen.add(name)


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _decoded(part: bytes, control: re.Pattern[str]) -> tuple[str, str]:
    if not part.isascii():  # to one parser Latin-1, to another UTF-8
        raise MalformedError("not ASCII")
    if _BROKEN_PERCENT.search(part):
        raise MalformedError("broken escape")
    name, _, value = part.replace(b"+", b" ").partition(b"=")
    try:
        pair = unquote_to_bytes(name).decode("utf-8"), unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("not UTF-8") from None
    if _CONTROL.search(pair[0]) or control.search(pair[1]):
        raise MalformedError("control character")
    return pair
