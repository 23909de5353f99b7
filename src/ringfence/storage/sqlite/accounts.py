"""Accounts in SQLite. Every change holds the write lock, which is the lock on every row."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.storage import rows
from ringfence.storage.rows import microseconds
from ringfence.storage.sqlite.file import Reader
from ringfence.storage.sqlite.writer import Writer

_BY_ID: Final = rows.ACCOUNT + " WHERE a.id = ?"
_BY_LOGIN: Final = rows.ACCOUNT + " WHERE a.login = ?"


class SqliteAccounts:
    """``AccountStore`` in SQLite."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader: Final = reader
        self._writer: Final = writer

    async def find(self, account_id: str) -> Account | None:
        if not rows.findable(account_id):
            return None
        row = self._reader.one(_BY_ID, account_id)
        return None if row is None else rows.account(row)

    async def find_by_login(self, login: str) -> Account | None:
        if not rows.findable(login):
            return None
        row = self._reader.one(_BY_LOGIN, login)
        return None if row is None else rows.account(row)

    async def list(self, *, after: str = "", limit: int = 50) -> Sequence[Account]:
        page = rows.ACCOUNT + " WHERE a.id > ? ORDER BY a.id LIMIT ?"
        return [rows.account(row) for row in self._reader.all(page, after, limit)]

    async def create(self, account: Account) -> bool:
        return await self._writer.run(partial(create, account=account))

    async def set_verifier(
        self, account_id: str, verifier: StoredVerifier, now: datetime
    ) -> Account:
        work = partial(set_verifier, account_id=account_id, verifier=verifier, now=now)
        return await self._writer.run(work)

    async def set_roles(self, account_id: str, roles: frozenset[str], now: datetime) -> Account:
        def work(connection: sqlite3.Connection) -> Account:
            connection.execute(
                "UPDATE accounts SET roles = ?, role_version = role_version + 1 WHERE id = ?",
                (rows.roles(roles), account_id),
            )
            return _announce(connection, account_id, now)

        return await self._writer.run(work)

    async def disable(self, account_id: str, now: datetime) -> Account:
        def work(connection: sqlite3.Connection) -> Account:
            connection.execute(
                "UPDATE accounts SET disabled_us = coalesce(disabled_us, ?) WHERE id = ?",
                (microseconds(now), account_id),
            )
            return _sign_out(connection, account_id, now)

        return await self._writer.run(work)

    async def sign_out_everywhere(self, account_id: str, now: datetime) -> Account:
        return await self._writer.run(partial(_sign_out, account_id=account_id, now=now))


def create(connection: sqlite3.Connection, account: Account) -> bool:
    """Add the account; False if its login is taken."""
    added = connection.execute(
        "INSERT INTO accounts (id, login, login_verified_us, created_us, name, roles,"
        " token_version, role_version, disabled_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (login) DO NOTHING",
        (
            account.id,
            account.login,
            microseconds(account.login_verified_at),
            microseconds(account.created_at),
            account.name,
            rows.roles(account.roles),
            account.token_version,
            account.role_version,
            None if account.disabled_at is None else microseconds(account.disabled_at),
        ),
    ).rowcount
    if added and account.verifier is not None:
        _put_verifier(connection, account.id, account.verifier)
    return added == 1


def set_verifier(
    connection: sqlite3.Connection, account_id: str, verifier: StoredVerifier, now: datetime
) -> Account:
    """Replace the password, end every session and a reset under way. Raises LookupError."""
    account = _sign_out(connection, account_id, now)
    _put_verifier(connection, account.id, verifier)
    connection.execute("DELETE FROM links WHERE purpose = 'reset' AND login = ?", (account.login,))
    return find(connection, account_id)


def find(connection: sqlite3.Connection, account_id: str) -> Account:
    """The account as this transaction sees it. Raises LookupError."""
    row = connection.execute(_BY_ID, (account_id,)).fetchone()
    if row is None:
        raise LookupError(account_id)
    return rows.account(row)


def _put_verifier(
    connection: sqlite3.Connection, account_id: str, verifier: StoredVerifier
) -> None:
    connection.execute(
        "INSERT INTO verifiers (account, digest, pepper, kdf) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (account) DO UPDATE SET digest = excluded.digest,"
        " pepper = excluded.pepper, kdf = excluded.kdf",
        (account_id, verifier.digest, verifier.pepper, verifier.kdf),
    )


def _sign_out(connection: sqlite3.Connection, account_id: str, now: datetime) -> Account:
    connection.execute(
        "UPDATE accounts SET token_version = token_version + 1 WHERE id = ?", (account_id,)
    )
    connection.execute(
        "UPDATE sessions SET revoked_us = ? WHERE account = ? AND revoked_us IS NULL",
        (microseconds(now), account_id),
    )
    return _announce(connection, account_id, now)


def _announce(connection: sqlite3.Connection, account_id: str, now: datetime) -> Account:
    """Tell the feed the versions that the account has now. Raises LookupError."""
    account = find(connection, account_id)
    connection.execute(
        "INSERT INTO revocations (at_us, account, token_version, role_version) VALUES (?, ?, ?, ?)",
        (microseconds(now), account.id, account.token_version, account.role_version),
    )
    return account
