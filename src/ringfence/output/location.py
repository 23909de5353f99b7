"""Where a redirect may lead: this site, or an origin that the settings list.

The text is judged as a browser reads it (WHATWG URL), not as Python's parser does. For a browser a
backslash is a slash, ``//host`` and ``https:host`` leave the site, and a scheme needs no slashes to
run (``javascript:``).

Sources: ATTACKS O07; OWASP ASVS 5.0 requirement 3.7.2; OWASP Unvalidated Redirects Cheat Sheet.
"""

import re
from collections.abc import Container
from typing import Final

#: Visible ASCII without backslash: a browser drops tabs and newlines, and trims spaces.
_PLAIN: Final = re.compile(r"[!-\[\]-~]+\Z")
_ORIGIN: Final = re.compile(r"(https?://[^/?#@]+)(?:[/?#].*)?\Z", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def stays(location: str, origins: Container[str]) -> bool:
    """Whether a browser that follows ``location`` stays on this site or goes to ``origins``."""
    if not _PLAIN.match(location):
        return False
    absolute = _ORIGIN.match(location)
    if absolute is not None:
        return absolute[1].lower() in origins
    return not location.startswith("//") and not _SCHEME.match(location)
