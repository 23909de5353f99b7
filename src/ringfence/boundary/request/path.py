"""The canonical path: one spelling for each resource.

A limit, a policy or a cache that looks at ``/auth/sign-in`` must not be passed by
``//auth/sign-in``, ``/auth/./sign-in`` or ``/auth%2fsign-in`` (Ledger 19). The path is decoded once
here and compared with what the server decoded. If a second decoder could read it as another path,
it is refused, not corrected. A path with a trailing slash is another path than the one without; the
route table may have either.

Sources: RFC 3986 section 6.2; ASVS 1.1.1 and 1.3.3; ATTACKS I07; Ledger 19.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote_to_bytes

from ringfence.core.errors import Refused

#: Segments of harmless characters, none of them empty, "." or "..": there is nothing to decode.
_PLAIN: Final = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?")
_BROKEN_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_STILL_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_ENCODED_SEPARATOR: Final = re.compile(rb"%(?:2f|5c)", re.IGNORECASE)
#: C0, DEL and C1 controls; "\" separates on Windows, ";" starts a parameter in Java's servers.
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\;]")
_SEPARATORS: Final = "/\\.;%"


def check(raw_path: bytes | None, path: str) -> None:
    """Refuse a path that has, or could have, another spelling.

    Args:
        raw_path: As sent, without the query; None where the server does not tell.
        path: As the server decoded it, and as the application will see it.

    Raises:
        Refused: ``path.malformed``.
    """
    if path[:1] != "/":  # "*", an absolute URI, or nothing
        raise _malformed("not absolute")
    if _PLAIN.fullmatch(path) and (raw_path is None or raw_path == path.encode()):
        return
    if raw_path is not None and _decoded(raw_path) != path:
        raise _malformed("decoded differently")
    if _STILL_ENCODED.search(path):
        raise _malformed("encoded twice")
    if _FORBIDDEN.search(path):
        raise _malformed("forbidden character")
    if not path.isascii():
        _refuse_look_alikes(path)
    *folders, last = path[1:].split("/")
    if "" in folders or any(segment in {".", ".."} for segment in (*folders, last)):
        raise _malformed("relative or empty segment")


def _decoded(raw_path: bytes) -> str:
    """Decode once, strictly: no broken escape, separator in disguise or overlong UTF-8."""
    if _BROKEN_PERCENT.search(raw_path):
        raise _malformed("broken escape")
    if _ENCODED_SEPARATOR.search(raw_path):
        raise _malformed("encoded separator")
    try:
        return unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("not UTF-8") from None


def _refuse_look_alikes(path: str) -> None:
    """Full-width dots and slashes become real ones as soon as somebody normalises the name."""
    plain = unicodedata.normalize("NFKC", path)
    if any(plain.count(separator) != path.count(separator) for separator in _SEPARATORS):
        raise _malformed("look-alike separator")


def _malformed(reason: str) -> Refused:
    return Refused("path.malformed", facts={"reason": reason})
