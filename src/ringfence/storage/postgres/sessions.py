"""Sessions and their refresh families in PostgreSQL. A family's lock is its session's row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.refresh import RefreshToken
from ringfence.authn.sessions import Session
from ringfence.storage import rows
from ringfence.storage.maintenance import PIECE
from ringfence.storage.postgres.database import Database, changed
from ringfence.storage.postgres.revocations import announce
from ringfence.storage.rows import microseconds

_BY_DIGEST: Final = rows.REFRESH + " WHERE t.digest = $1"
_LIVE: Final = rows.SESSION + " WHERE id = $1 AND revoked_us IS NULL"
_OF_ACCOUNT: Final = (
    rows.SESSION + " WHERE account = $1 AND revoked_us IS NULL ORDER BY last_used_us DESC, id DESC"
)


class PostgresSessions:
    """``SessionStore`` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def find(self, digest: bytes) -> RefreshToken | None:
        row = await self._database.one(_BY_DIGEST, digest)
        return None if row is None else rows.token(row)

    async def revoke_family(self, family: str, now: datetime) -> None:
        async with self._database.revoking() as connection:
            revoked = await connection.execute(
                "UPDATE sessions SET revoked_us = $2 WHERE id = $1 AND revoked_us IS NULL",
                family,
                microseconds(now),
            )
            if changed(revoked):
                await announce(connection, microseconds(now), family, None, 0, 0)

    async def succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> bool:
        async with self._database.transaction() as connection:
            # A statement of its own: the next one must see what this one waited for.
            live = await connection.fetchrow(
                "SELECT 1 FROM sessions WHERE id = $1 AND revoked_us IS NULL FOR NO KEY UPDATE",
                old.family,
            )
            if live is None:
                return False
            # One round trip for what changes then: nothing, unless the token is there to be spent.
            spent = await connection.fetchrow(
                "WITH spent AS (UPDATE refresh_tokens SET spent_us = $3, sealed_successor = $4"
                "  WHERE digest = $1 AND family = $2 AND spent_us IS NULL RETURNING digest),"
                " added AS (INSERT INTO refresh_tokens"
                "  (digest, family, parent, signed_in_us, issued_us)"
                "  SELECT $5, $2, digest, $6, $3 FROM spent),"
                " used AS (UPDATE sessions SET last_used_us = greatest(last_used_us, $3)"
                "  FROM spent WHERE id = $2)"
                " SELECT 1 FROM spent",
                old.digest,
                old.family,
                microseconds(new.issued_at),
                sealed,
                new.digest,
                microseconds(new.signed_in_at),
            )
            return spent is not None

    async def begin(self, session: Session, first: RefreshToken, token_version: int) -> bool:
        async with self._database.transaction() as connection:
            # The lock that a change of the account takes too: it comes before, and the version
            # differs here, or after, and revokes this session with the others (Ledger 9).
            current = await connection.fetchrow(
                "SELECT 1 FROM accounts WHERE id = $1 AND token_version = $2"
                " AND disabled_us IS NULL FOR NO KEY UPDATE",
                session.account,
                token_version,
            )
            if current is None:
                return False
            await connection.execute(
                "INSERT INTO sessions"
                " (id, account, signed_in_us, last_used_us, user_agent, client)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                session.id,
                session.account,
                microseconds(session.signed_in_at),
                microseconds(session.last_used_at),
                session.user_agent,
                session.client,
            )
            await connection.execute(
                "INSERT INTO refresh_tokens (digest, family, signed_in_us, issued_us)"
                " VALUES ($1, $2, $3, $4)",
                first.digest,
                first.family,
                microseconds(first.signed_in_at),
                microseconds(first.issued_at),
            )
            return True

    async def get(self, session_id: str) -> Session | None:
        if not rows.findable(session_id):
            return None
        row = await self._database.one(_LIVE, session_id)
        return None if row is None else rows.session(row)

    async def of_account(self, account_id: str) -> Sequence[Session]:
        return [rows.session(row) for row in await self._database.all(_OF_ACCOUNT, account_id)]

    async def end(self, session_id: str, account_id: str, now: datetime) -> bool:
        if not rows.findable(session_id):
            return False
        async with self._database.revoking() as connection:
            ended = await connection.execute(
                "UPDATE sessions SET revoked_us = $3"
                " WHERE id = $1 AND account = $2 AND revoked_us IS NULL",
                session_id,
                account_id,
                microseconds(now),
            )
            if not changed(ended):
                return False
            await announce(connection, microseconds(now), session_id, None, 0, 0)
        return True


async def purge_tokens(database: Database, before: datetime) -> int:
    """Remove a piece of the tokens that were issued before ``before``."""
    return await database.count(
        "DELETE FROM refresh_tokens WHERE digest IN (SELECT digest FROM refresh_tokens"
        " WHERE issued_us < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        microseconds(before),
        PIECE,
    )


async def purge_sessions(database: Database, before: datetime) -> int:
    """Remove a piece of the sessions last used before ``before``, with what tokens they have."""
    return await database.count(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions"
        " WHERE last_used_us < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        microseconds(before),
        PIECE,
    )
