"""Names that are in a folder by accident: version control, settings, backups, dumps, editors'.

A mount, or a route with a ``{name:path}``, may serve whatever a folder holds. A path that names
such a file or folder there is not routed. What a pattern spells out itself is never judged: it is
served on purpose.

Sources: ASVS 5.0 13.4.1; OWASP WSTG-CONF-04; RFC 8615 (``/.well-known/``); ATTACKS H10.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from ringfence.core.route import Entry

_WELL_KNOWN: Final = ".well-known/"

#: A segment that begins with a dot and is not "." or "..", or has the name of a backup, a dump, a
#: database, or of what an editor keeps beside a file.
_LEFTOVER: Final = re.compile(
    r"""
    (?:\A|/)
    (?: \.(?!\.?(?:/|\Z))[^/]*
      | \#[^/]*\#
      | [^/]*~
      | [^/]*\.(?: (?:bak|bck|bkp|backup|old|orig|rej|save|tmp|sw[a-p])
              | (?:db3?|dump|rdb|sql|sqlite3?)(?:-journal|-shm|-wal)?
              )(?:\.?[0-9]{1,9}+)?+(?:\.(?:7z|br|bz2|gpg|gz|lz4|tar|tgz|xz|zip|zst))*+
    )
    (?:/|\Z)
    """,
    re.VERBOSE | re.IGNORECASE,
)


#: A ``{name:path}`` that shares its segment with other text: ``/@{name:path}``.
_INSIDE: Final = re.compile(r"(?<=[^/])\{(\w+):path\}|\{(\w+):path\}(?=[^/])")


class Folder(NamedTuple):
    """Which part of a path may name any file of a folder."""

    depth: int  # how many slashes come before it
    inside: tuple[str, ...] = ()  # parameters that are judged by themselves as well


def folder(entry: Entry) -> Folder | None:
    """Where a path of ``entry`` may name any file; None: nowhere."""
    before, found, _ = entry.pattern.partition(":path}")
    if found:
        inside = (match[1] or match[2] for match in _INSIDE.finditer(entry.pattern))
        return Folder(before.count("/"), tuple(inside))
    return Folder(entry.pattern.count("/") + 1) if entry.kind == "mount" else None


def names_a_leftover(path: str, within: Folder, parameters: Mapping[str, str]) -> bool:
    """Whether ``path`` names a leftover where it may name any file."""
    name = path.split("/", within.depth)[-1]
    if within.depth == 1:  # it begins at the site's root
        name = name.removeprefix(_WELL_KNOWN)
    return any(map(_LEFTOVER.search, (name, *(parameters[each] for each in within.inside))))
