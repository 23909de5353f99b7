"""Passwords that are known from data breaches, asked for without telling the password.

The range protocol: of the password's SHA-1 only the first five hexadecimal digits are sent. The
answer lists the rest of every known hash that begins so, some hundred lines, and is looked through
here. With ``Add-Padding`` it also holds lines that count nothing, so that its size says nothing.

The service that is asked is chosen by a setting and is off by default. If it does not answer, the
password is taken and an event says so: whoever can stop that service must not stop sign-ups.

Sources: the range protocol of Pwned Passwords; NIST SP 800-63B-4 3.1.1.2; ASVS 5.0 6.2.12;
MUSTS P08.
"""

import hashlib
from typing import Final, Protocol

PREFIX_DIGITS: Final = 5


class Breaches(Protocol):
    """Knows passwords from data breaches."""

    async def hold(self, password: bytes) -> bool:
        """Whether ``password`` is known; False as well where nobody answers."""
        ...


class NoBreaches:
    """Knows none: nobody is asked."""

    async def hold(self, password: bytes) -> bool:  # noqa: ARG002  # the protocol's
        """See ``Breaches.hold``."""
        return False


def split(password: bytes) -> tuple[str, str]:
    """What is sent of a password, and what is looked for in the answer."""
    digits = hashlib.sha1(password, usedforsecurity=False).hexdigest().upper()
    return digits[:PREFIX_DIGITS], digits[PREFIX_DIGITS:]


def listed(suffix: str, answer: str) -> bool:
    """Whether ``answer`` has ``suffix`` with a count above 0; lines of padding have 0."""
    for line in answer.splitlines():
        found, _, count = line.strip().partition(":")
        if found.upper() == suffix:
            return count.strip().isdecimal() and int(count[:12]) > 0
    return False
