"""Sessions and their refresh families in SQLite."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.refresh import RefreshToken
from ringfence.authn.sessions import Session
from ringfence.storage import rows
from ringfence.storage.maintenance import PIECE
from ringfence.storage.rows import microseconds
from ringfence.storage.sqlite.file import Reader
from ringfence.storage.sqlite.writer import Writer

_BY_DIGEST: Final = rows.REFRESH + " WHERE t.digest = ?"
_LIVE: Final = rows.SESSION + " WHERE id = ? AND revoked_us IS NULL"
_OF_ACCOUNT: Final = (
    rows.SESSION + " WHERE account = ? AND revoked_us IS NULL ORDER BY last_used_us DESC, id DESC"
)


class SqliteSessions:
    """``SessionStore`` in SQLite."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader: Final = reader
        self._writer: Final = writer

    async def find(self, digest: bytes) -> RefreshToken | None:
        row = self._reader.one(_BY_DIGEST, digest)
        return None if row is None else rows.token(row)

    async def revoke_family(self, family: str, now: datetime) -> None:
        def work(connection: sqlite3.Connection) -> None:
            revoked = connection.execute(
                "UPDATE sessions SET revoked_us = ? WHERE id = ? AND revoked_us IS NULL",
                (microseconds(now), family),
            ).rowcount
            if revoked:
                _announce(connection, family, now)

        await self._writer.run(work)

    async def succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            spent = connection.execute(
                "UPDATE refresh_tokens SET spent_us = ?, sealed_successor = ?"
                " WHERE digest = ? AND spent_us IS NULL AND EXISTS"
                " (SELECT 1 FROM sessions WHERE id = family AND revoked_us IS NULL)",
                (microseconds(new.issued_at), sealed, old.digest),
            ).rowcount
            if not spent:
                return False
            _add(connection, new, parent=old.digest)
            connection.execute(
                "UPDATE sessions SET last_used_us = max(last_used_us, ?) WHERE id = ?",
                (microseconds(new.issued_at), new.family),
            )
            return True

        return await self._writer.run(work)

    async def begin(self, session: Session, first: RefreshToken, token_version: int) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            added = connection.execute(
                "INSERT INTO sessions"
                " (id, account, signed_in_us, last_used_us, user_agent, client)"
                " SELECT ?, id, ?, ?, ?, ? FROM accounts"
                " WHERE id = ? AND token_version = ? AND disabled_us IS NULL",
                (
                    session.id,
                    microseconds(session.signed_in_at),
                    microseconds(session.last_used_at),
                    session.user_agent,
                    session.client,
                    session.account,
                    token_version,
                ),
            ).rowcount
            if added:
                _add(connection, first, parent=None)
            return added == 1

        return await self._writer.run(work)

    async def get(self, session_id: str) -> Session | None:
        if not rows.findable(session_id):
            return None
        row = self._reader.one(_LIVE, session_id)
        return None if row is None else rows.session(row)

    async def of_account(self, account_id: str) -> Sequence[Session]:
        return [rows.session(row) for row in self._reader.all(_OF_ACCOUNT, account_id)]

    async def end(self, session_id: str, account_id: str, now: datetime) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            ended = connection.execute(
                "UPDATE sessions SET revoked_us = ?"
                " WHERE id = ? AND account = ? AND revoked_us IS NULL",
                (microseconds(now), session_id, account_id),
            ).rowcount
            if ended:
                _announce(connection, session_id, now)
            return ended == 1

        return rows.findable(session_id) and await self._writer.run(work)


def _add(connection: sqlite3.Connection, token: RefreshToken, parent: bytes | None) -> None:
    connection.execute(
        "INSERT INTO refresh_tokens (digest, family, parent, signed_in_us, issued_us)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            token.digest,
            token.family,
            parent,
            microseconds(token.signed_in_at),
            microseconds(token.issued_at),
        ),
    )


def _announce(connection: sqlite3.Connection, family: str, now: datetime) -> None:
    connection.execute(
        "INSERT INTO revocations (at_us, session, token_version, role_version) VALUES (?, ?, 0, 0)",
        (microseconds(now), family),
    )


def purge_tokens(connection: sqlite3.Connection, before: datetime) -> int:
    """Remove a piece of the tokens that were issued before ``before``."""
    return connection.execute(
        "DELETE FROM refresh_tokens WHERE digest IN"
        " (SELECT digest FROM refresh_tokens WHERE issued_us < ? LIMIT ?)",
        (microseconds(before), PIECE),
    ).rowcount


def purge_sessions(connection: sqlite3.Connection, before: datetime) -> int:
    """Remove a piece of the sessions last used before ``before``, with what tokens they have."""
    return connection.execute(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE last_used_us < ? LIMIT ?)",
        (microseconds(before), PIECE),
    ).rowcount
