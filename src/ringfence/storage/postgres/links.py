"""Mailed links in PostgreSQL. A row is a link that works: redeeming removes it.

The DELETE is the lock: of many at once, one deletes the row and the others find it gone.
"""

from datetime import datetime
from typing import Final

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.links import Link, Purpose
from ringfence.storage import rows
from ringfence.storage.maintenance import PIECE
from ringfence.storage.postgres.accounts import create, set_verifier
from ringfence.storage.postgres.database import Connection, Database
from ringfence.storage.rows import microseconds

_USABLE: Final = rows.LINK + " WHERE digest = $1 AND purpose = $2 AND expires_us > $3"


class _NotRedeemedError(Exception):
    """Rolls back a transaction that has spent the link but could not do what it is good for."""


class PostgresLinks:
    """``LinkStore`` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def add(self, link: Link) -> None:
        await self._database.count(
            "INSERT INTO links (digest, purpose, login, name, created_us, expires_us)"
            " VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (purpose, login) DO UPDATE SET digest = excluded.digest,"
            " name = excluded.name, created_us = excluded.created_us,"
            " expires_us = excluded.expires_us",
            link.digest,
            link.purpose,
            link.login,
            link.name,
            microseconds(link.created_at),
            microseconds(link.expires_at),
        )

    async def find(self, digest: bytes, purpose: Purpose, now: datetime) -> Link | None:
        row = await self._database.one(_USABLE, digest, purpose, microseconds(now))
        return None if row is None else rows.link(row)

    async def redeem_sign_up(self, digest: bytes, account: Account, now: datetime) -> bool:
        try:
            async with self._database.transaction() as connection:
                await _sign_up(connection, digest, account, now)
        except _NotRedeemedError:
            return False
        return True

    async def redeem_reset(
        self, digest: bytes, verifier: StoredVerifier, now: datetime
    ) -> Account | None:
        try:
            async with self._database.revoking() as connection:
                account = await _reset(connection, digest, verifier, now)
        except _NotRedeemedError:
            return None
        return account


async def _sign_up(connection: Connection, digest: bytes, account: Account, now: datetime) -> None:
    login = await _spend(connection, digest, "sign-up", now)
    if login != account.login or not await create(connection, account):
        raise _NotRedeemedError


async def _reset(
    connection: Connection, digest: bytes, verifier: StoredVerifier, now: datetime
) -> Account:
    login = await _spend(connection, digest, "reset", now)
    row = await connection.fetchrow(
        "SELECT id FROM accounts WHERE login = $1 AND disabled_us IS NULL FOR NO KEY UPDATE",
        login,
    )
    if row is None:
        raise _NotRedeemedError
    return await set_verifier(connection, row[0], verifier, now)


async def _spend(
    connection: Connection, digest: bytes, purpose: Purpose, now: datetime
) -> str | None:
    """Remove the link, if it works; returns its login."""
    row = await connection.fetchrow(
        "DELETE FROM links WHERE digest = $1 AND purpose = $2 AND expires_us > $3 RETURNING login",
        digest,
        purpose,
        microseconds(now),
    )
    return None if row is None else row[0]


async def purge_links(database: Database, now: datetime) -> int:
    """Remove a piece of the links that have expired."""
    return await database.count(
        "DELETE FROM links WHERE digest IN (SELECT digest FROM links"
        " WHERE expires_us <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        microseconds(now),
        PIECE,
    )
