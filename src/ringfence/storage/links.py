"""Mailed links in a database. A row is a link that works: redeeming removes it.

The row's lock decides: of many at once, one finds the link and removes it, and the others wait for
that and find it gone.
"""

from datetime import datetime
from typing import Final

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.links import Link, Purpose
from ringfence.authn.outbox import Telling
from ringfence.storage import outbox, rows, statements
from ringfence.storage.accounts import create, set_verifier
from ringfence.storage.rows import microseconds
from ringfence.storage.transaction import Clock, Database, Steps, ask, change


class SqlLinks:
    """``LinkStore`` in a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database: Final = database
        self._clock: Final = clock

    async def add(self, link: Link) -> None:
        await self._database.perform(
            change(
                statements.PUT_LINK,
                link.digest,
                link.purpose,
                link.login,
                link.name,
                microseconds(link.created_at),
                microseconds(link.expires_at),
            )
        )

    async def find(self, digest: bytes, purpose: Purpose, now: datetime) -> Link | None:
        row = await self._database.one(statements.USABLE_LINK, digest, purpose, microseconds(now))
        return None if row is None else rows.link(row)

    async def redeem_sign_up(self, digest: bytes, account: Account, now: datetime) -> bool:
        return await self._database.perform(_sign_up(digest, account, now))

    async def redeem_reset(
        self,
        digest: bytes,
        verifier: StoredVerifier,
        now: datetime,
        *,
        tell: Telling | None = None,
    ) -> Account | None:
        return await self._database.perform(_reset(digest, verifier, now, self._clock, tell))


def _sign_up(digest: bytes, account: Account, now: datetime) -> Steps[bool]:
    link = yield from _locked(digest, "sign-up", now)
    if link is None or link.login != account.login or not (yield from create(account)):
        return False
    yield from change(statements.REMOVE_LINK, digest)
    return True


def _reset(
    digest: bytes,
    verifier: StoredVerifier,
    now: datetime,
    clock: Clock,
    tell: Telling | None,
) -> Steps[Account | None]:
    link = yield from _locked(digest, "reset", now)
    if link is None:
        return None
    row = yield from ask(statements.LOCK_ENABLED_ACCOUNT, link.login)
    if row is None:
        return None
    yield from change(statements.REMOVE_LINK, digest)
    if tell is not None:
        yield from outbox.add(tell(link.login))
    return (yield from set_verifier(row[0], verifier, now, clock))


def _locked(digest: bytes, purpose: Purpose, now: datetime) -> Steps[Link | None]:
    """The link, if it works, and nobody else may redeem it until this transaction ends."""
    row = yield from ask(statements.LOCK_USABLE_LINK, digest, purpose, microseconds(now))
    return None if row is None else rows.link(row)
