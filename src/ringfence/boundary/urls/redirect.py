r"""Redirects that stay on this site.

``next=//evil``, ``/\evil``, ``https:evil`` and ``javascript:`` all leave it, though some of them
start with a slash: browsers read "\" as "/", and drop tabs and newlines first. A target that passes
the rules below is a path of this site, however a parser reads it, encoded or not.

Sources: CWE-601; WHATWG URL section 4.4; ASVS 1.2.2 and 3.7.2; ATTACKS O07 and I08.
"""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote

from ringfence.core.codes import Layer
from ringfence.core.exchange import refusal, trace
from ringfence.core.seam import Seam

_LENGTH: Final = 2_048
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_FORBIDDEN_ENCODED: Final = re.compile(r"%(?:[01][0-9a-f]|7f|5c)", re.IGNORECASE)
_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_TAIL: Final = re.compile("[?#]")
#: What a URL may hold after its host (RFC 3986); everything else is encoded.
_AS_IS: Final = "/?#%:@!$&'()*+,;=-._~[]"


def safe_location(target: str) -> str:
    """``target`` as the value of ``Location``, if it is a path of this site.

    Args:
        target: What the client asked for, such as ``"/orders?page=2"``.

    Raises:
        Refused: ``redirect.refused``; the target leads elsewhere, or could.
    """
    return VETTER.current()(target)


def _vet(target: str) -> str:
    trace("redirect.vetted")
    if reason := flaw(target):
        raise refusal("redirect.refused", reason=reason)
    return quote(target, safe=_AS_IS)


#: What makes a location of what the client asked for.
VETTER: Final = Seam[Callable[[str], str]](Layer.BOUNDARY, _vet)


def flaw(target: str) -> str:
    """Why ``target`` is no path of this site; empty if it is one."""
    if len(target) > _LENGTH or target[:1] != "/":
        return "not a path, or too long"
    if _FORBIDDEN.search(target) or _FORBIDDEN_ENCODED.search(target):
        return "forbidden character"
    # A proxy may decode and tidy the path before it is resolved: "/%2fevil", "/.//evil".
    path = _TAIL.split(target, maxsplit=1)[0]
    decoded = unquote(path)
    if _BROKEN_PERCENT.search(target) or _ENCODED.search(decoded):
        return "encoded twice, or broken"
    for reading in (path, decoded):
        segments = reading[1:].split("/")
        if "" in segments[:-1] or any(segment in {".", ".."} for segment in segments):
            return "relative or empty segment"
    return ""
