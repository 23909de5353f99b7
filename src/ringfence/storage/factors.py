"""Second factors in a database.

The row that rivals share is the challenge's or the factor's own: a DELETE or an UPDATE whose
condition holds for one of them changes one row, and for the others none. What hangs on the account
locks that first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.factors import (
    MOST_PASSKEYS,
    TRIES,
    Challenge,
    Held,
    Kind,
    Passkey,
    Totp,
)
from ringfence.storage import factor_statements as statements
from ringfence.storage.factor_statements import challenge, passkey, totp
from ringfence.storage.rows import microseconds, moment
from ringfence.storage.transaction import Database, Steps, ask, change


class SqlFactors:
    """``FactorStore`` in a database."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def held(self, account_id: str) -> Held:
        app = await self._database.one(statements.TOTP, account_id)
        keys = await self._database.all(statements.PASSKEYS, account_id)
        codes = await self._database.one(statements.COUNT_CODES, account_id)
        return Held(
            totp=None if app is None else totp(app),
            passkeys=[passkey(row) for row in keys],
            recovery_codes=0 if codes is None else codes[0],
        )

    async def passkey(self, credential_id: bytes) -> Passkey | None:
        row = await self._database.one(statements.PASSKEY, credential_id)
        return None if row is None else passkey(row)

    async def ask(self, challenge: Challenge) -> None:
        await self._database.perform(
            change(
                statements.ADD_CHALLENGE,
                challenge.digest,
                challenge.kind,
                challenge.account,
                challenge.token_version,
                challenge.data,
                microseconds(challenge.expires_at),
            )
        )

    async def asked(self, digest: bytes, kind: Kind, now: datetime) -> Challenge | None:
        row = await self._database.one(statements.CHALLENGE, digest, kind, microseconds(now))
        return None if row is None else challenge(row)

    async def attempt(
        self, digest: bytes, kind: Kind, now: datetime, most: int = TRIES
    ) -> Challenge | None:
        return await self._database.perform(_attempt(digest, kind, now, most))

    async def add_totp(self, challenge: bytes, totp: Totp, *, first: bool = False) -> bool:
        return await self._database.perform(_add_totp(challenge, totp, first))

    async def add_passkey(
        self, challenge: bytes, passkey: Passkey, *, most: int = MOST_PASSKEYS
    ) -> bool:
        return await self._database.perform(_add_passkey(challenge, passkey, most))

    async def spend_step(self, account_id: str, step: int, challenge: bytes | None) -> bool:
        spend = change(statements.SPEND_STEP, account_id, step)
        return await self._database.perform(_answered(challenge, spend))

    async def spend_code(self, account_id: str, digest: bytes, challenge: bytes | None) -> bool:
        spend = change(statements.SPEND_CODE, account_id, digest)
        return await self._database.perform(_answered(challenge, spend))

    async def use_passkey(
        self, used: Passkey, seen: Passkey, challenge: bytes, ticket: bytes | None = None
    ) -> bool:
        use = change(
            statements.USE_PASSKEY,
            used.id,
            used.account,
            seen.sign_count,
            used.sign_count,
            int(used.backed_up),
            None if used.used_at is None else microseconds(used.used_at),
        )
        return await self._database.perform(_answered(challenge, _both(ticket, use)))

    async def put_codes(self, account_id: str, digests: Sequence[bytes]) -> None:
        await self._database.perform(_put_codes(account_id, digests))

    async def remove_totp(self, account_id: str, *, keep_last: bool = False) -> bool:
        removal = change(statements.REMOVE_TOTP, account_id)
        return await self._database.perform(_remove(account_id, removal, keep_last))

    async def remove_passkey(
        self, account_id: str, credential_id: bytes, *, keep_last: bool = False
    ) -> bool:
        removal = change(statements.REMOVE_PASSKEY, account_id, credential_id)
        return await self._database.perform(_remove(account_id, removal, keep_last))

    async def rename_passkey(self, account_id: str, credential_id: bytes, name: str) -> bool:
        renamed = change(statements.RENAME_PASSKEY, account_id, credential_id, name)
        return await self._database.perform(renamed) == 1

    async def require(self, account_id: str, since: datetime) -> datetime:
        row = await self._database.one(statements.TERMS, account_id)
        if row is not None and row[0] is not None:
            return moment(row[0])
        return await self._database.perform(_require(account_id, since))

    async def schedule_reset(self, account_id: str, at: datetime | None) -> bool:
        return await self._database.perform(_schedule(account_id, at))

    async def reset(self, account_id: str, now: datetime) -> bool:
        return await self._database.perform(_reset(account_id, now))


def _attempt(digest: bytes, kind: Kind, now: datetime, most: int) -> Steps[Challenge | None]:
    counted = yield from change(statements.COUNT_TRY, digest, most)
    if not counted:
        return None
    row = yield from ask(statements.CHALLENGE, digest, kind, microseconds(now))
    return None if row is None else challenge(row)


def _answered(digest: bytes | None, spending: Steps[int]) -> Steps[bool]:
    """Spend what answers a challenge, and the challenge: both or none."""
    if digest is not None and (yield from ask(statements.LOCK_CHALLENGE, digest)) is None:
        return False
    if (yield from spending) != 1:
        return False
    if digest is not None:
        yield from change(statements.REMOVE_CHALLENGE, digest)
    return True


def _both(digest: bytes | None, spending: Steps[int]) -> Steps[int]:
    return int((yield from _answered(digest, spending)))


def _add_totp(digest: bytes, app: Totp, first: bool) -> Steps[bool]:  # noqa: FBT001  # as its caller's
    yield from ask(statements.LOCK_ACCOUNT, app.account)
    if first and (yield from ask(statements.ANY_FACTOR, app.account)) is not None:
        return False
    if not (yield from change(statements.REMOVE_CHALLENGE, digest)):
        return False
    yield from change(
        statements.PUT_TOTP,
        app.account,
        app.sealed,
        app.pepper,
        app.step,
        microseconds(app.created_at),
    )
    return True


def _add_passkey(digest: bytes, added: Passkey, most: int) -> Steps[bool]:
    yield from ask(statements.LOCK_ACCOUNT, added.account)
    counted = yield from ask(statements.COUNT_PASSKEYS, added.account)
    if counted is None or counted[0] >= most:
        return False
    if (yield from ask(statements.PASSKEY, added.id)) is not None:
        return False
    if not (yield from change(statements.REMOVE_CHALLENGE, digest)):
        return False
    added_rows = yield from change(
        statements.ADD_PASSKEY,
        added.id,
        added.account,
        added.name,
        added.public_key,
        added.sign_count,
        " ".join(added.transports),
        int(added.eligible),
        int(added.backed_up),
        microseconds(added.created_at),
    )
    return added_rows == 1


def _put_codes(account_id: str, digests: Sequence[bytes]) -> Steps[None]:
    yield from ask(statements.LOCK_ACCOUNT, account_id)
    yield from change(statements.REMOVE_CODES, account_id)
    for digest in digests:
        yield from change(statements.ADD_CODE, digest, account_id)


def _remove(account_id: str, removal: Steps[int], keep_last: bool) -> Steps[bool]:  # noqa: FBT001  # as its callers'
    yield from ask(statements.LOCK_ACCOUNT, account_id)
    counted = yield from ask(statements.COUNT_FACTORS, account_id)
    if keep_last and (counted is None or counted[0] <= 1):
        return False
    removed = yield from removal
    if (yield from ask(statements.ANY_FACTOR, account_id)) is None:
        yield from change(statements.REMOVE_CODES, account_id)
    return removed == 1


def _require(account_id: str, since: datetime) -> Steps[datetime]:
    yield from change(statements.REQUIRE, account_id, microseconds(since))
    row = yield from ask(statements.TERMS, account_id)
    return since if row is None or row[0] is None else moment(row[0])


def _schedule(account_id: str, at: datetime | None) -> Steps[bool]:
    if at is None:
        return (yield from change(statements.UNSCHEDULE_RESET, account_id)) == 1
    if (yield from ask(statements.ANY_FACTOR, account_id)) is None:
        return False
    return (yield from change(statements.SCHEDULE_RESET, account_id, microseconds(at))) == 1


def _reset(account_id: str, now: datetime) -> Steps[bool]:
    yield from ask(statements.LOCK_ACCOUNT, account_id)
    if not (yield from change(statements.TAKE_RESET, account_id, microseconds(now))):
        return False
    yield from change(statements.REMOVE_TOTP, account_id)
    yield from change(statements.REMOVE_PASSKEYS, account_id)
    yield from change(statements.REMOVE_CODES, account_id)
    return True
