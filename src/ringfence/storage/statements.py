"""Every statement that both databases run, stated once.

They stand in PostgreSQL's words: parameters are numbered (``$1``), and a row that rivals share is
locked. SQLite has the same words but for two: it numbers with ``?1``, and it has no lock on a row,
because its one write lock, which a transaction holds from its beginning, is the lock on every row.

A SELECT stands with its columns in ``rows``, beside the reader that takes them in their order.
"""

from dataclasses import dataclass, field
from typing import Final, LiteralString

from ringfence.storage import rows


def _for_sqlite(text: LiteralString) -> LiteralString:
    for lock in (" FOR UPDATE SKIP LOCKED", " FOR NO KEY UPDATE", " FOR UPDATE"):
        text = text.replace(lock, "")
    return text.replace("$", "?")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, in the words of each database."""

    postgres: LiteralString
    sqlite: LiteralString = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sqlite", _for_sqlite(self.postgres))


class Query(Statement):
    """A statement that answers rows."""

    __slots__ = ()


class Change(Statement):
    """A statement that answers how many rows it changed."""

    __slots__ = ()


# ------------------------------------------------------------------------------------ accounts

ACCOUNT_BY_ID: Final = Query(rows.ACCOUNT + " WHERE a.id = $1")
ACCOUNT_BY_LOGIN: Final = Query(rows.ACCOUNT + " WHERE a.login = $1")
ACCOUNTS_AFTER: Final = Query(rows.ACCOUNT + " WHERE a.id > $1 ORDER BY a.id LIMIT $2")

ADD_ACCOUNT: Final = Change(
    "INSERT INTO accounts (id, login, login_verified_us, created_us, name, roles,"
    " token_version, role_version, disabled_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    " ON CONFLICT (login) DO NOTHING"
)
PUT_VERIFIER: Final = Change(
    "INSERT INTO verifiers (account, digest, pepper, kdf) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (account) DO UPDATE SET digest = excluded.digest,"
    " pepper = excluded.pepper, kdf = excluded.kdf"
)
#: Only the password that was proven is stored anew: one that was set meanwhile stays.
MOVE_VERIFIER: Final = Change(
    "UPDATE verifiers SET digest = $3, pepper = $4, kdf = $5 WHERE account = $1 AND digest = $2"
)
SET_ROLES: Final = Change(
    "UPDATE accounts SET roles = $2, role_version = role_version + 1 WHERE id = $1"
)
DISABLE: Final = Change("UPDATE accounts SET disabled_us = coalesce(disabled_us, $2) WHERE id = $1")
RAISE_TOKEN_VERSION: Final = Change(
    "UPDATE accounts SET token_version = token_version + 1 WHERE id = $1"
)
ENABLE: Final = Change("UPDATE accounts SET disabled_us = NULL WHERE id = $1")
DELETE_ACCOUNT: Final = Change("DELETE FROM accounts WHERE id = $1")  # and what hangs on it
LOCK_LOGIN: Final = Query("SELECT id FROM accounts WHERE login = $1 FOR NO KEY UPDATE")
SET_LOGIN: Final = Change("UPDATE accounts SET login = $2, login_verified_us = $3 WHERE id = $1")
DROP_VERIFIER: Final = Change("DELETE FROM verifiers WHERE account = $1")

# ------------------------------------------------------------------------- from other programs

ADD_IMPORTED: Final = Change(
    "INSERT INTO accounts (id, login, login_verified_us, created_us, name, roles,"
    " token_version, role_version, disabled_us) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7)"
    " ON CONFLICT DO NOTHING"
)
ID_OF_LOGIN: Final = Query("SELECT id FROM accounts WHERE login = $1")
ADD_HASH: Final = Change(
    "INSERT INTO imported_hashes (account, kind, pepper, sealed) VALUES ($1, $2, $3, $4)"
)
HASH_OF_ACCOUNT: Final = Query(
    "SELECT kind, pepper, sealed FROM imported_hashes WHERE account = $1"
)
HASHES_BY_KIND: Final = Query("SELECT kind, count(*) FROM imported_hashes GROUP BY kind")
TAKE_HASH: Final = Change("DELETE FROM imported_hashes WHERE account = $1 AND sealed = $2")
REMOVE_HASH: Final = Change("DELETE FROM imported_hashes WHERE account = $1")
REMOVE_HASHES: Final = Change("DELETE FROM imported_hashes")

# ------------------------------------------------------------------------------------ sessions

TOKEN_BY_DIGEST: Final = Query(rows.REFRESH + " WHERE t.digest = $1")
LIVE_SESSION: Final = Query(rows.SESSION + " WHERE id = $1 AND revoked_us IS NULL")
SESSIONS_OF_ACCOUNT: Final = Query(
    rows.SESSION + " WHERE account = $1 AND revoked_us IS NULL"
    " ORDER BY last_used_us DESC, id DESC LIMIT $2"
)
SESSIONS_OF_ACCOUNT_AFTER: Final = Query(
    rows.SESSION + " WHERE account = $1 AND revoked_us IS NULL AND (last_used_us, id) < ($3, $4)"
    " ORDER BY last_used_us DESC, id DESC LIMIT $2"
)
#: The rest of an account's sessions: all but $2 and the $4 used last; at most $3 of them.
SESSIONS_TOO_MANY: Final = Query(
    "SELECT id FROM sessions WHERE account = $1 AND revoked_us IS NULL AND id <> $2"
    " ORDER BY last_used_us DESC, id DESC LIMIT $3 OFFSET $4"
)
STANDING: Final = Query(
    "SELECT a.token_version, a.role_version FROM sessions AS s JOIN accounts AS a"
    " ON a.id = s.account WHERE s.id = $1 AND a.id = $2"
    " AND s.revoked_us IS NULL AND a.disabled_us IS NULL"
)

LOCK_ACCOUNT_OF_VERSION: Final = Query(
    "SELECT 1 FROM accounts WHERE id = $1 AND token_version = $2 AND disabled_us IS NULL"
    " FOR NO KEY UPDATE"
)
ADD_SESSION: Final = Change(
    "INSERT INTO sessions (id, account, signed_in_us, last_used_us, user_agent, client)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
)
ADD_ASSURANCE: Final = Change(
    "INSERT INTO assurances (session, aal, amr, authenticated_us) VALUES ($1, $2, $3, $4)"
)
ADD_TOKEN: Final = Change(
    "INSERT INTO refresh_tokens (digest, family, parent, signed_in_us, issued_us)"
    " VALUES ($1, $2, $3, $4, $5)"
)
LOCK_LIVE_SESSION: Final = Query(
    "SELECT 1 FROM sessions WHERE id = $1 AND revoked_us IS NULL FOR NO KEY UPDATE"
)
SPEND_TOKEN: Final = Change(
    "UPDATE refresh_tokens SET spent_us = $3, sealed_successor = $4"
    " WHERE digest = $1 AND family = $2 AND spent_us IS NULL"
)
RAISE_LAST_USE: Final = Change(
    "UPDATE sessions SET last_used_us = $2 WHERE id = $1 AND last_used_us < $2"
)
REVOKE_SESSION: Final = Change(
    "UPDATE sessions SET revoked_us = $2 WHERE id = $1 AND revoked_us IS NULL"
)
REVOKE_OWN_SESSION: Final = Change(
    "UPDATE sessions SET revoked_us = $3 WHERE id = $1 AND account = $2 AND revoked_us IS NULL"
)
REVOKE_SESSIONS_OF_ACCOUNT: Final = Change(
    "UPDATE sessions SET revoked_us = $2 WHERE account = $1 AND revoked_us IS NULL"
)

# --------------------------------------------------------------------------------------- links

PUT_LINK: Final = Change(
    "INSERT INTO links (digest, purpose, login, name, created_us, expires_us)"
    " VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (purpose, login) DO UPDATE SET digest = excluded.digest,"
    " name = CASE WHEN links.name = excluded.name OR links.expires_us <= excluded.created_us"
    " THEN excluded.name ELSE '' END,"
    " created_us = excluded.created_us, expires_us = excluded.expires_us"
)
USABLE_LINK: Final = Query(rows.LINK + " WHERE digest = $1 AND purpose = $2 AND expires_us > $3")
LOCK_USABLE_LINK: Final = Query(
    rows.LINK + " WHERE digest = $1 AND purpose = $2 AND expires_us > $3 FOR UPDATE"
)
LOCK_ENABLED_ACCOUNT: Final = Query(
    "SELECT id FROM accounts WHERE login = $1 AND disabled_us IS NULL FOR NO KEY UPDATE"
)
REMOVE_LINK: Final = Change("DELETE FROM links WHERE digest = $1")
LOCK_RESET_OF_ACCOUNT: Final = Query(
    "SELECT digest FROM links WHERE purpose = 'reset'"
    " AND login = (SELECT login FROM accounts WHERE id = $1) FOR UPDATE"
)
REMOVE_RESET_OF_ACCOUNT: Final = Change(
    "DELETE FROM links WHERE purpose = 'reset'"
    " AND login = (SELECT login FROM accounts WHERE id = $1)"
)
REMOVE_LINKS_OF_LOGIN: Final = Change("DELETE FROM links WHERE login = $1")

# -------------------------------------------------------------------------------------- outbox

# What has failed is due at ``outbox.NEVER``, 253370764800000000 microseconds after the epoch.
PUT_ERRAND: Final = Change(
    "INSERT INTO outbox (id, kind, login, site, name, request_id, created_us, due_us, attempts)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    " ON CONFLICT (kind, login) DO UPDATE SET site = excluded.site,"
    " name = CASE WHEN outbox.kind = 'changed' AND outbox.name <> excluded.name"
    " AND outbox.due_us <> 253370764800000000 THEN 'several' ELSE excluded.name END,"
    " request_id = excluded.request_id, due_us = excluded.due_us, attempts = outbox.attempts + 1,"
    " created_us = CASE WHEN outbox.due_us = 253370764800000000 THEN excluded.created_us"
    " ELSE outbox.created_us END"
)
TAKE_ERRANDS: Final = Query(
    "UPDATE outbox SET due_us = $2, attempts = attempts + 1 WHERE id IN ("  # noqa: S608  # constants
    "SELECT id FROM outbox WHERE due_us <= $1"
    " OR (due_us > $3 AND due_us < 253370764800000000) ORDER BY due_us LIMIT $4"
    " FOR UPDATE SKIP LOCKED)" + rows.TAKEN
)
END_ERRAND: Final = Change("DELETE FROM outbox WHERE id = $1 AND attempts = $2")
POSTPONE_ERRAND: Final = Change("UPDATE outbox SET due_us = $3 WHERE id = $1 AND attempts = $2")
BACKLOG: Final = Query(
    "SELECT count(*), min(created_us) FROM outbox WHERE due_us < 253370764800000000"
)
ERRANDS_AFTER: Final = Query(rows.ERRAND + " WHERE id > $1 ORDER BY id LIMIT $2")
RETRY_ERRAND: Final = Change("UPDATE outbox SET due_us = $2, attempts = attempts + 1 WHERE id = $1")
DROP_ERRAND: Final = Change("DELETE FROM outbox WHERE id = $1")

# ------------------------------------------------------------------------------------ counters

COUNTERS_AFTER: Final = Query(
    "SELECT key, marks, expires_us FROM counters"
    " WHERE key > $1 AND expires_us > $2 ORDER BY key LIMIT $3"
)
REMOVE_COUNTER: Final = Change("DELETE FROM counters WHERE key = $1")

# ---------------------------------------------------------------------------------- derivation

DERIVATION: Final = Query("SELECT current, next, raised_us, password_retry FROM derivation")
PUT_DERIVATION: Final = Change(
    "INSERT INTO derivation (one, current, next, raised_us, password_retry)"
    " VALUES (1, $1, $2, $3, $4) ON CONFLICT (one) DO UPDATE SET current = excluded.current,"
    " next = excluded.next, raised_us = excluded.raised_us,"
    " password_retry = excluded.password_retry"
)
PASSWORDS_BY_PEPPER: Final = Query(
    "SELECT pepper, count(*) FROM verifiers GROUP BY pepper ORDER BY pepper"
)
PASSWORDS_BY_KDF: Final = Query("SELECT kdf, count(*) FROM verifiers GROUP BY kdf ORDER BY kdf")

# ---------------------------------------------------------------------------------------- keys

FINGERPRINTS: Final = Query("SELECT name, fingerprint FROM key_fingerprints")
ADD_FINGERPRINT: Final = Change(
    "INSERT INTO key_fingerprints (name, fingerprint) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
)

# ------------------------------------------------------------------------------------ the feed

APPEND_REVOCATION: Final = Change(
    "INSERT INTO revocations (at_us, session, account, token_version, role_version)"
    " VALUES ($1, $2, $3, $4, $5)"
)
#: A feed whose numbers are all below $1 is another one: of a database that was restored.
REVOCATIONS_AFTER: Final = Query(
    rows.REVOCATION  # noqa: S608  # constants, all of them
    + " WHERE id > CASE WHEN $1 > (SELECT coalesce(max(id), 0) FROM revocations)"
    + " THEN 0 ELSE $1 END ORDER BY id"
)

# ------------------------------------- what a clock that was ahead has written: later than $1
# A piece of $2 rows each. Whatever was written later is not later either.

CLAMP_TOKENS: Final = Change(
    "UPDATE refresh_tokens SET issued_us = $1,"
    " signed_in_us = CASE WHEN signed_in_us > $1 THEN $1 ELSE signed_in_us END"
    " WHERE digest IN (SELECT digest FROM refresh_tokens"
    " WHERE issued_us > $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
CLAMP_SESSIONS: Final = Change(
    "UPDATE sessions SET last_used_us = $1,"
    " signed_in_us = CASE WHEN signed_in_us > $1 THEN $1 ELSE signed_in_us END"
    " WHERE id IN (SELECT id FROM sessions"
    " WHERE last_used_us > $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
CLAMP_ASSURANCES: Final = Change(
    "UPDATE assurances SET authenticated_us = $1 WHERE session IN (SELECT session FROM assurances"
    " WHERE authenticated_us > $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
CLAMP_COUNTERS: Final = Change(
    "UPDATE counters SET expires_us = $1 WHERE key IN (SELECT key FROM counters"
    " WHERE expires_us > $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
PURGE_FUTURE_LINKS: Final = Change(
    "DELETE FROM links WHERE digest IN (SELECT digest FROM links"
    " WHERE expires_us > $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)

# --------------------------------------------- what is dead: a piece of $2 rows, older than $1

PURGE_TOKENS: Final = Change(
    "DELETE FROM refresh_tokens WHERE digest IN (SELECT digest FROM refresh_tokens"
    " WHERE issued_us < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
PURGE_SESSIONS: Final = Change(  # with what tokens they have
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions"
    " WHERE last_used_us < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
PURGE_ERRANDS: Final = Change(  # that have failed
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox"
    " WHERE created_us < $1 AND due_us = 253370764800000000 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
PURGE_LINKS: Final = Change(
    "DELETE FROM links WHERE digest IN (SELECT digest FROM links"
    " WHERE expires_us <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
PURGE_COUNTERS: Final = Change(
    "DELETE FROM counters WHERE key IN (SELECT key FROM counters"
    " WHERE expires_us <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
PURGE_REVOCATIONS: Final = Change(
    "DELETE FROM revocations WHERE id IN (SELECT id FROM revocations WHERE at_us < $1 LIMIT $2)"
)
