"""Sessions and their refresh families in a database. A family's lock is its session's row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ringfence.authn.refresh import RefreshToken
from ringfence.authn.sessions import MOST, Place, Session
from ringfence.storage import rows, statements
from ringfence.storage.rows import microseconds
from ringfence.storage.transaction import Clock, Database, Steps, ask, ask_all, change


class SqlSessions:
    """``SessionStore`` in a database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database: Final = database
        self._clock: Final = clock

    async def find(self, digest: bytes) -> RefreshToken | None:
        row = await self._database.one(statements.TOKEN_BY_DIGEST, digest)
        return None if row is None else rows.token(row)

    async def revoke_family(self, family: str, now: datetime) -> None:
        await self._database.perform(_revoke_family(family, now, self._clock))

    async def succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> bool:
        return await self._database.perform(self._succeed(old, new, sealed))

    async def begin(
        self,
        session: Session,
        first: RefreshToken,
        token_version: int,
        *,
        replaces: str | None = None,
        most: int = MOST,
    ) -> Sequence[str] | None:
        steps = _begin(session, first, token_version, replaces, most, self._clock)
        return await self._database.perform(steps)

    async def get(self, session_id: str) -> Session | None:
        if not rows.findable(session_id):
            return None
        row = await self._database.one(statements.LIVE_SESSION, session_id)
        return None if row is None else rows.session(row)

    async def of_account(
        self, account_id: str, *, after: Place | None = None, limit: int = MOST
    ) -> Sequence[Session]:
        if after is None:
            found = await self._database.all(statements.SESSIONS_OF_ACCOUNT, account_id, limit)
        else:
            place = microseconds(after.last_used_at), after.id
            found = await self._database.all(
                statements.SESSIONS_OF_ACCOUNT_AFTER, account_id, limit, *place
            )
        return [rows.session(row) for row in found]

    async def standing(self, session_id: str, account_id: str) -> tuple[int, int] | None:
        if not rows.findable(session_id + account_id):
            return None
        row = await self._database.one(statements.STANDING, session_id, account_id)
        return None if row is None else (row[0], row[1])

    async def end(self, session_id: str, account_id: str, now: datetime) -> bool:
        if not rows.findable(session_id):
            return False
        return await self._database.perform(_end(session_id, account_id, now, self._clock))

    def _succeed(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> Steps[bool]:
        live = yield from ask(statements.LOCK_LIVE_SESSION, old.family)
        return live is not None and (yield from self._spend(old, new, sealed))

    def _spend(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> Steps[bool]:
        """Spend ``old`` for ``new``; nothing, unless it is there to be spent."""
        issued_us = microseconds(new.issued_at)
        spent = yield from change(statements.SPEND_TOKEN, old.digest, old.family, issued_us, sealed)
        if not spent:
            return False
        yield from _add_token(new, parent=old.digest)
        yield from change(statements.RAISE_LAST_USE, old.family, issued_us)
        return True


def _begin(  # what a session begins with
    session: Session,
    first: RefreshToken,
    token_version: int,
    replaces: str | None,
    most: int,
    clock: Clock,
) -> Steps[Sequence[str] | None]:
    # The lock that a change of the account takes too: it comes before, and the version differs
    # here, or after, and revokes this session with the others (Ledger 9).
    current = yield from ask(statements.LOCK_ACCOUNT_OF_VERSION, session.account, token_version)
    if current is None:
        return None
    yield from change(
        statements.ADD_SESSION,
        session.id,
        session.account,
        microseconds(session.signed_in_at),
        microseconds(session.last_used_at),
        session.user_agent,
        session.client,
    )
    if session.proven is not None:
        proven = session.proven
        methods = " ".join(proven.amr)
        yield from change(
            statements.ADD_ASSURANCE, session.id, proven.aal, methods, microseconds(proven.at)
        )
    yield from _add_token(first, parent=None)
    too_many = yield from ask_all(
        statements.SESSIONS_TOO_MANY, session.account, session.id, MOST, most - 1
    )
    others = [row[0] for row in too_many if row[0] != replaces]
    ended: list[str] = []
    for other in others if replaces is None else [replaces, *others]:
        revoked_us = microseconds(session.signed_in_at)
        if (yield from change(statements.REVOKE_SESSION, other, revoked_us)):
            ended.append(other)
    for other in ended:
        yield from _announce(other, clock)
    return ended


def _add_token(token: RefreshToken, parent: bytes | None) -> Steps[int]:
    return change(
        statements.ADD_TOKEN,
        token.digest,
        token.family,
        parent,
        microseconds(token.signed_in_at),
        microseconds(token.issued_at),
    )


def _revoke_family(family: str, now: datetime, clock: Clock) -> Steps[None]:
    revoked = yield from change(statements.REVOKE_SESSION, family, microseconds(now))
    if revoked:
        yield from _announce(family, clock)


def _end(session_id: str, account_id: str, now: datetime, clock: Clock) -> Steps[bool]:
    ended = yield from change(
        statements.REVOKE_OWN_SESSION, session_id, account_id, microseconds(now)
    )
    if ended:
        yield from _announce(session_id, clock)
    return ended == 1


def _announce(family: str, clock: Clock) -> Steps[int]:
    """Tell the feed: the last step."""
    return change(statements.APPEND_REVOCATION, microseconds(clock()), family, None, 0, 0)
