"""Links that are mailed: one use, short-lived, bound to a login (ASVS 6.4, Ledger 2, 24, 25).

A link proves the mailbox. What it is good for happens in the same transaction that spends it, so
that neither is lost, and 50 parallel uses give one success.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol, TypeAlias

from ringfence.authn import opaque
from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.opaque import Random
from ringfence.authn.outbox import Telling
from ringfence.core.errors import Refused

Purpose: TypeAlias = Literal["sign-up", "reset"]

#: A reset link opens an account that holds something (ATTACKS U17: at most 20 minutes). A sign-up
#: link opens one that holds nothing yet, and mail can be slow: NIST SP 800-63B-4 section 4.2.1.2
#: allows a code sent by e-mail 24 hours.
LIFETIMES: Final[Mapping[Purpose, timedelta]] = {
    "sign-up": timedelta(hours=24),
    "reset": timedelta(minutes=20),
}

_PAGES: Final[Mapping[Purpose, str]] = {
    "sign-up": "/auth/verify-email",
    "reset": "/auth/reset",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One mailed link as stored. All datetimes are aware UTC."""

    digest: bytes  # SHA-256 of the token; the token itself is never stored
    purpose: Purpose
    login: str  # normalised
    name: str = ""  # what a sign-up asked for
    created_at: datetime
    expires_at: datetime  # reaching it exactly counts as over it


class LinkStore(Protocol):
    """What links need of a database; every adapter passes ``tests/contract``."""

    async def add(self, link: Link) -> None:
        """Add a link; older ones of the same purpose and login stop working.

        A name in which it differs from one that still worked is dropped: anybody may ask for a
        sign-up, and the owner of the mailbox must not get a name that a stranger chose.
        """
        ...

    async def find(self, digest: bytes, purpose: Purpose, now: datetime) -> Link | None:
        """The link, if it is neither spent nor expired."""
        ...

    async def redeem_sign_up(self, digest: bytes, account: Account, now: datetime) -> bool:
        """Spend the link and create ``account``; False, nothing written, if either can't be."""
        ...

    async def redeem_reset(
        self,
        digest: bytes,
        verifier: StoredVerifier,
        now: datetime,
        *,
        tell: Telling | None = None,
    ) -> Account | None:
        """Spend the link and do ``AccountStore.set_verifier`` for the account of its login.

        ``tell`` makes the errand that is added to the outbox in the same transaction.

        None, and nothing written, if the link is spent or expired, or the account is gone or
        disabled.
        """
        ...


def new_link(
    purpose: Purpose, login: str, random: Random, now: datetime, *, name: str = ""
) -> tuple[Link, str]:
    """A link to store, and the token to mail."""
    token = opaque.new(opaque.LINK, random)
    link = Link(
        digest=opaque.digest(token),
        purpose=purpose,
        login=login,
        name=name,
        created_at=now,
        expires_at=now + LIFETIMES[purpose],
    )
    return link, token


def address(site: str, purpose: Purpose, token: str) -> str:
    """Where a link leads.

    The token stands in the fragment, which browsers put into no request, no ``Referer`` and no
    server's log; ``site`` is the configured origin, never the ``Host`` of a request (Ledger 25).
    """
    return f"{site}{_PAGES[purpose]}#token={token}"


async def find(store: LinkStore, token: str, purpose: Purpose, now: datetime) -> Link:
    """The live link of ``token``; it is not spent yet, so that a weak password costs no link.

    Raises:
        Refused: ``link.invalid``: unknown, spent, replaced, expired, or for another purpose.
    """
    link = None
    if opaque.could_be(token, opaque.LINK):
        link = await store.find(opaque.digest(token), purpose, now)
    if link is None:
        raise Refused("link.invalid")
    return link
