"""Accounts in a database. A change locks the account's row before it looks at anything."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.outbox import Errand
from ringfence.storage import outbox, rows, statements
from ringfence.storage.rows import microseconds
from ringfence.storage.transaction import Clock, Database, Steps, ask, change


class SqlAccounts:
    """``AccountStore`` in a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database: Final = database
        self._clock: Final = clock

    async def find(self, account_id: str) -> Account | None:
        if not rows.findable(account_id):
            return None
        row = await self._database.one(statements.ACCOUNT_BY_ID, account_id)
        return None if row is None else rows.account(row)

    async def find_by_login(self, login: str) -> Account | None:
        if not rows.findable(login):
            return None
        row = await self._database.one(statements.ACCOUNT_BY_LOGIN, login)
        return None if row is None else rows.account(row)

    async def list(self, *, after: str = "", limit: int = 50) -> Sequence[Account]:
        page = await self._database.all(statements.ACCOUNTS_AFTER, after, limit)
        return [rows.account(row) for row in page]

    async def create(self, account: Account) -> bool:
        return await self._database.perform(create(account))

    async def set_verifier(
        self,
        account_id: str,
        verifier: StoredVerifier,
        token_version: int,
        now: datetime,
        *,
        tell: Errand | None = None,
    ) -> Account | None:
        steps = _change_verifier(account_id, verifier, token_version, now, self._clock, tell)
        return await self._database.perform(steps)

    async def move_verifier(
        self, account_id: str, proven: StoredVerifier, moved: StoredVerifier
    ) -> bool:
        return await self._database.perform(_move_verifier(account_id, proven, moved))

    async def set_roles(self, account_id: str, roles: frozenset[str]) -> Account:
        return await self._database.perform(_set_roles(account_id, roles, self._clock))

    async def disable(self, account_id: str, now: datetime) -> Account:
        return await self._database.perform(_disable(account_id, now, self._clock))

    async def sign_out_everywhere(self, account_id: str, now: datetime) -> Account:
        return await self._database.perform(_sign_out_everywhere(account_id, now, self._clock))

    async def enable(self, account_id: str) -> Account:
        return await self._database.perform(_enable(account_id))

    async def delete(self, account_id: str) -> Account:
        return await self._database.perform(_delete(account_id, self._clock))

    async def change_login(
        self, account_id: str, login: str, now: datetime, *, tell: Sequence[Errand] = ()
    ) -> Account | None:
        steps = _change_login(account_id, login, now, self._clock, tell)
        return await self._database.perform(steps)


def create(account: Account) -> Steps[bool]:
    """Add the account; False if its login is taken, for which a rival's commit is awaited."""
    added = yield from change(
        statements.ADD_ACCOUNT,
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
    if not added:
        return False
    if account.verifier is not None:
        yield from put_verifier(account.id, account.verifier)
    return True


def set_verifier(
    account_id: str, verifier: StoredVerifier, now: datetime, clock: Clock
) -> Steps[Account]:
    """Replace the password of an account that is locked; end every session."""
    yield from _end_sessions(account_id, now)
    yield from change(statements.REMOVE_HASH, account_id)
    yield from put_verifier(account_id, verifier)
    return (yield from _announce(account_id, clock))


def find(account_id: str) -> Steps[Account]:
    """The account as this transaction sees it. Raises LookupError."""
    row = yield from ask(statements.ACCOUNT_BY_ID, account_id)
    if row is None:
        raise LookupError(account_id)
    return rows.account(row)


def _change_verifier(
    account_id: str,
    verifier: StoredVerifier,
    token_version: int,
    now: datetime,
    clock: Clock,
    tell: Errand | None,
) -> Steps[Account | None]:
    """Lock, compare, set. A reset under way ends.

    Its link is locked first, as whoever redeems it does: else the two could wait for each other.
    """
    yield from ask(statements.LOCK_RESET_OF_ACCOUNT, account_id)
    if (yield from ask(statements.LOCK_ACCOUNT_OF_VERSION, account_id, token_version)) is None:
        return None
    yield from change(statements.REMOVE_RESET_OF_ACCOUNT, account_id)
    if tell is not None:
        yield from outbox.add(tell)
    return (yield from set_verifier(account_id, verifier, now, clock))


def _move_verifier(account_id: str, proven: StoredVerifier, moved: StoredVerifier) -> Steps[bool]:
    changed = yield from change(
        statements.MOVE_VERIFIER, account_id, proven.digest, moved.digest, moved.pepper, moved.kdf
    )
    return changed == 1


def _set_roles(account_id: str, roles: frozenset[str], clock: Clock) -> Steps[Account]:
    yield from change(statements.SET_ROLES, account_id, rows.roles(roles))
    return (yield from _announce(account_id, clock))


def _disable(account_id: str, now: datetime, clock: Clock) -> Steps[Account]:
    yield from change(statements.DISABLE, account_id, microseconds(now))
    return (yield from _sign_out_everywhere(account_id, now, clock))


def _sign_out_everywhere(account_id: str, now: datetime, clock: Clock) -> Steps[Account]:
    yield from _end_sessions(account_id, now)
    return (yield from _announce(account_id, clock))


def _enable(account_id: str) -> Steps[Account]:
    yield from change(statements.ENABLE, account_id)
    return (yield from find(account_id))


def _delete(account_id: str, clock: Clock) -> Steps[Account]:
    """Raise the version and tell the feed of it, so that tokens die; then remove the row."""
    account = yield from find(account_id)
    yield from change(statements.RAISE_TOKEN_VERSION, account_id)
    yield from _announce(account_id, clock)
    yield from change(statements.REMOVE_LINKS_OF_LOGIN, account.login)
    yield from change(statements.DELETE_ACCOUNT, account_id)
    return account


def _change_login(
    account_id: str, login: str, now: datetime, clock: Clock, tell: Sequence[Errand]
) -> Steps[Account | None]:
    account = yield from find(account_id)
    if (yield from ask(statements.LOCK_LOGIN, login)) is not None:
        return None
    for errand in tell:
        yield from outbox.add(errand)
    yield from change(statements.REMOVE_LINKS_OF_LOGIN, account.login)
    yield from change(statements.REMOVE_LINKS_OF_LOGIN, login)
    yield from _end_sessions(account_id, now)
    yield from change(statements.SET_LOGIN, account_id, login, microseconds(now))
    yield from change(statements.DROP_VERIFIER, account_id)
    yield from change(statements.REMOVE_HASH, account_id)
    return (yield from _announce(account_id, clock))


def put_verifier(account_id: str, verifier: StoredVerifier) -> Steps[int]:
    """Store a password in place of another, or where there was none."""
    return change(
        statements.PUT_VERIFIER, account_id, verifier.digest, verifier.pepper, verifier.kdf
    )


def _end_sessions(account_id: str, now: datetime) -> Steps[None]:
    """Lock the account, then end its sessions: whoever begins one waits for the same lock."""
    yield from change(statements.RAISE_TOKEN_VERSION, account_id)
    yield from change(statements.REVOKE_SESSIONS_OF_ACCOUNT, account_id, microseconds(now))


def _announce(account_id: str, clock: Clock) -> Steps[Account]:
    """Tell the feed the versions that the account has now: the last step. Raises LookupError."""
    account = yield from find(account_id)
    yield from change(
        statements.APPEND_REVOCATION,
        microseconds(clock()),
        None,
        account.id,
        account.token_version,
        account.role_version,
    )
    return account
