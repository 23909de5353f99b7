"""Names that are in a folder by accident: version control, settings, backups, dumps, editors'.

A mount, or a route with a ``{name:path}``, may serve whatever a folder holds. A path that names
such a file or folder there is not routed. What a pattern spells out itself is never judged: it is
served on purpose.

Sources: ASVS 5.0 13.4.1; OWASP WSTG-CONF-04; RFC 8615 (``/.well-known/``); ATTACKS H10.
"""

import re
from typing import Final

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


def folder_depth(entry: Entry) -> int | None:
    """How many slashes come before the part of a path that may name any file; None: no part may."""
    if entry.kind == "mount":
        return entry.pattern.count("/") + 1
    before, found, _ = entry.pattern.partition(":path}")
    return before.count("/") if found else None


def names_a_leftover(path: str, depth: int) -> bool:
    """Whether ``path`` names a leftover behind its first ``depth`` slashes."""
    name = path.split("/", depth)[-1]
    if depth == 1:  # it begins at the site's root
        name = name.removeprefix(_WELL_KNOWN)
    return _LEFTOVER.search(name) is not None
