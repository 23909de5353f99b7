"""What differs on PostgreSQL about sessions: a rotation waits for the server once less often."""

from ringfence.authn.refresh import RefreshToken
from ringfence.storage.rows import microseconds
from ringfence.storage.sessions import SqlSessions
from ringfence.storage.statements import Query
from ringfence.storage.transaction import Steps, ask

_SPEND = Query(
    "WITH spent AS (UPDATE refresh_tokens SET spent_us = $3, sealed_successor = $4"
    "  WHERE digest = $1 AND family = $2 AND spent_us IS NULL RETURNING digest),"
    " added AS (INSERT INTO refresh_tokens (digest, family, parent, signed_in_us, issued_us)"
    "  SELECT $5, $2, digest, $6, $3 FROM spent),"
    " used AS (UPDATE sessions SET last_used_us = greatest(last_used_us, $3)"
    "  FROM spent WHERE id = $2)"
    " SELECT 1 FROM spent"
)


class PostgresSessions(SqlSessions):
    """``SessionStore`` in PostgreSQL."""

    def _spend(self, old: RefreshToken, new: RefreshToken, sealed: bytes) -> Steps[bool]:
        """The three steps in one statement. The lock was taken before, so it sees its rivals."""
        spent = yield from ask(
            _SPEND,
            old.digest,
            old.family,
            microseconds(new.issued_at),
            sealed,
            new.digest,
            microseconds(new.signed_in_at),
        )
        return spent is not None
