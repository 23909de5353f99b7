"""Mailed links in SQLite. A row is a link that works: redeeming removes it."""

import sqlite3
from datetime import datetime
from typing import Final

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.links import Link, Purpose
from ringfence.storage import rows
from ringfence.storage.maintenance import PIECE
from ringfence.storage.rows import microseconds
from ringfence.storage.sqlite.accounts import create, set_verifier
from ringfence.storage.sqlite.file import Reader
from ringfence.storage.sqlite.writer import Writer

_USABLE: Final = rows.LINK + " WHERE digest = ? AND purpose = ? AND expires_us > ?"


class SqliteLinks:
    """``LinkStore`` in SQLite."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader: Final = reader
        self._writer: Final = writer

    async def add(self, link: Link) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO links (digest, purpose, login, name, created_us, expires_us)"
                " VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (purpose, login) DO UPDATE SET digest = excluded.digest,"
                " name = excluded.name, created_us = excluded.created_us,"
                " expires_us = excluded.expires_us",
                (
                    link.digest,
                    link.purpose,
                    link.login,
                    link.name,
                    microseconds(link.created_at),
                    microseconds(link.expires_at),
                ),
            )

        await self._writer.run(work)

    async def find(self, digest: bytes, purpose: Purpose, now: datetime) -> Link | None:
        row = self._reader.one(_USABLE, digest, purpose, microseconds(now))
        return None if row is None else rows.link(row)

    async def redeem_sign_up(self, digest: bytes, account: Account, now: datetime) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            link = _usable(connection, digest, "sign-up", now)
            if link is None or link.login != account.login or not create(connection, account):
                return False
            _remove(connection, digest)
            return True

        return await self._writer.run(work)

    async def redeem_reset(
        self, digest: bytes, verifier: StoredVerifier, now: datetime
    ) -> Account | None:
        def work(connection: sqlite3.Connection) -> Account | None:
            link = _usable(connection, digest, "reset", now)
            if link is None:
                return None
            found: tuple[str] | None = connection.execute(
                "SELECT id FROM accounts WHERE login = ? AND disabled_us IS NULL",
                (link.login,),
            ).fetchone()
            if found is None:
                return None
            _remove(connection, digest)
            return set_verifier(connection, found[0], verifier, now)

        return await self._writer.run(work)


def _usable(
    connection: sqlite3.Connection, digest: bytes, purpose: Purpose, now: datetime
) -> Link | None:
    row = connection.execute(_USABLE, (digest, purpose, microseconds(now))).fetchone()
    return None if row is None else rows.link(row)


def _remove(connection: sqlite3.Connection, digest: bytes) -> None:
    connection.execute("DELETE FROM links WHERE digest = ?", (digest,))


def purge_links(connection: sqlite3.Connection, before: datetime) -> int:
    """Remove a piece of the links that have expired by ``before``."""
    return connection.execute(
        "DELETE FROM links WHERE digest IN"
        " (SELECT digest FROM links WHERE expires_us <= ? LIMIT ?)",
        (microseconds(before), PIECE),
    ).rowcount
