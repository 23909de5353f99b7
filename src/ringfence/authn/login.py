"""The login: an e-mail address in its one normal form.

Two spellings of one mailbox must never be two accounts, and two mailboxes never one, so Unicode is
normalised before anything is looked for in the text, the ``@`` included (Ledger 8: a full-width
``@`` that becomes one only after the check). What is left is ASCII: characters that look like
others (a dotless i, a Cyrillic a) are refused before the ``@``, and are another, visibly
different domain (``xn--…``) behind it.

Sources: RFC 5321 sections 4.1.2 and 4.5.3.1 (form and limits); UTS 46 and RFC 5891 (domains).
"""

import re
import unicodedata
from typing import Final

import idna

from ringfence.core.errors import Refused

LOGIN_LIMIT: Final = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets holds two angle brackets
LOCAL_LIMIT: Final = 64  # RFC 5321 4.5.3.1.1

#: RFC 5321 Dot-string. Quoted strings are refused: they spell the same mailbox in many ways.
_LOCAL: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def normalise(text: str) -> str:
    """The normal form of an e-mail address: lower-case ASCII, its domain in A-labels.

    Raises:
        Refused: ``login.malformed``.
    """
    if len(text) > LOGIN_LIMIT:  # before anything is spent on it
        raise Refused("login.malformed")
    local, at, domain = unicodedata.normalize("NFKC", text).strip(" ").lower().partition("@")
    if not at or len(local) > LOCAL_LIMIT or not _LOCAL.fullmatch(local):
        raise Refused("login.malformed")
    login = f"{local}@{_ascii(domain)}"
    if len(login) > LOGIN_LIMIT:
        raise Refused("login.malformed")
    return login


def _ascii(domain: str) -> str:
    """The domain in A-labels: two labels at least, the last of them not a number."""
    try:
        labels = idna.encode(domain, uts46=True, std3_rules=True).decode().split(".")
    except UnicodeError as error:  # the base of idna's errors
        raise Refused("login.malformed") from error
    if len(labels) < 2 or not labels[-1] or labels[-1].isdigit():  # noqa: PLR2004  # a host alone
        raise Refused("login.malformed")
    return ".".join(labels)
