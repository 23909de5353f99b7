"""Accounts in PostgreSQL. A change locks the account's row before it looks at anything."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.storage import rows
from ringfence.storage.postgres.database import Connection, Database, changed
from ringfence.storage.postgres.revocations import announce
from ringfence.storage.rows import microseconds

_BY_ID: Final = rows.ACCOUNT + " WHERE a.id = $1"
_BY_LOGIN: Final = rows.ACCOUNT + " WHERE a.login = $1"


class PostgresAccounts:
    """``AccountStore`` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def find(self, account_id: str) -> Account | None:
        if not rows.findable(account_id):
            return None
        row = await self._database.one(_BY_ID, account_id)
        return None if row is None else rows.account(row)

    async def find_by_login(self, login: str) -> Account | None:
        if not rows.findable(login):
            return None
        row = await self._database.one(_BY_LOGIN, login)
        return None if row is None else rows.account(row)

    async def list(self, *, after: str = "", limit: int = 50) -> Sequence[Account]:
        page = rows.ACCOUNT + " WHERE a.id > $1 ORDER BY a.id LIMIT $2"
        return [rows.account(row) for row in await self._database.all(page, after, limit)]

    async def create(self, account: Account) -> bool:
        async with self._database.transaction() as connection:
            return await create(connection, account)

    async def set_verifier(
        self, account_id: str, verifier: StoredVerifier, now: datetime
    ) -> Account:
        async with self._database.revoking() as connection:
            return await set_verifier(connection, account_id, verifier, now)

    async def set_roles(self, account_id: str, roles: frozenset[str], now: datetime) -> Account:
        async with self._database.revoking() as connection:
            await connection.execute(
                "UPDATE accounts SET roles = $2, role_version = role_version + 1 WHERE id = $1",
                account_id,
                rows.roles(roles),
            )
            return await _announce(connection, account_id, now)

    async def disable(self, account_id: str, now: datetime) -> Account:
        async with self._database.revoking() as connection:
            await connection.execute(
                "UPDATE accounts SET disabled_us = coalesce(disabled_us, $2) WHERE id = $1",
                account_id,
                microseconds(now),
            )
            return await _sign_out(connection, account_id, now)

    async def sign_out_everywhere(self, account_id: str, now: datetime) -> Account:
        async with self._database.revoking() as connection:
            return await _sign_out(connection, account_id, now)


async def create(connection: Connection, account: Account) -> bool:
    """Add the account; False if its login is taken, for which a rival's commit is awaited."""
    added = await connection.execute(
        "INSERT INTO accounts (id, login, login_verified_us, created_us, name, roles,"
        " token_version, role_version, disabled_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT (login) DO NOTHING",
        account.id,
        account.login,
        microseconds(account.login_verified_at),
        microseconds(account.created_at),
        account.name,
        rows.roles(account.roles),
        account.token_version,
        account.role_version,
        None if account.disabled_at is None else microseconds(account.disabled_at),
    )
    if not changed(added):
        return False
    if account.verifier is not None:
        await _put_verifier(connection, account.id, account.verifier)
    return True


async def set_verifier(
    connection: Connection, account_id: str, verifier: StoredVerifier, now: datetime
) -> Account:
    """Replace the password, end every session and a reset under way. Raises LookupError.

    The link first, as whoever redeems it does: else the two could wait for each other.
    """
    await connection.execute(
        "DELETE FROM links WHERE purpose = 'reset'"
        " AND login = (SELECT login FROM accounts WHERE id = $1)",
        account_id,
    )
    await _sign_out(connection, account_id, now)
    await _put_verifier(connection, account_id, verifier)
    return await _find(connection, account_id)


async def _put_verifier(connection: Connection, account_id: str, verifier: StoredVerifier) -> None:
    await connection.execute(
        "INSERT INTO verifiers (account, digest, pepper, kdf) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (account) DO UPDATE SET digest = excluded.digest,"
        " pepper = excluded.pepper, kdf = excluded.kdf",
        account_id,
        verifier.digest,
        verifier.pepper,
        verifier.kdf,
    )


async def _sign_out(connection: Connection, account_id: str, now: datetime) -> Account:
    """Lock the account, then end its sessions: ``begin`` waits for the same lock."""
    await connection.execute(
        "UPDATE accounts SET token_version = token_version + 1 WHERE id = $1", account_id
    )
    await connection.execute(
        "UPDATE sessions SET revoked_us = $2 WHERE account = $1 AND revoked_us IS NULL",
        account_id,
        microseconds(now),
    )
    return await _announce(connection, account_id, now)


async def _announce(connection: Connection, account_id: str, now: datetime) -> Account:
    """Tell the feed the versions that the account has now. Raises LookupError."""
    account = await _find(connection, account_id)
    await announce(
        connection,
        microseconds(now),
        None,
        account.id,
        account.token_version,
        account.role_version,
    )
    return account


async def _find(connection: Connection, account_id: str) -> Account:
    row = await connection.fetchrow(_BY_ID, account_id)
    if row is None:
        raise LookupError(account_id)
    return rows.account(row)
