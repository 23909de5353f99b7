"""The statements about second factors, and the readers of their rows; see ``statements``."""

from typing import Final

from ringfence.authn.factors import Challenge, Passkey, Totp
from ringfence.storage.rows import Row, moment
from ringfence.storage.statements import Change, Query

_CHALLENGE: Final = "SELECT digest, kind, account, token_version, data, expires_us FROM challenges"
_PASSKEY: Final = (
    "SELECT id, account, name, public_key, sign_count, transports, eligible, backed_up, created_us,"
    " used_us FROM passkeys"
)

#: What adds or removes a factor of an account waits for whoever does the same.
LOCK_ACCOUNT: Final = Query("SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE")
ANY_FACTOR: Final = Query(
    "SELECT 1 FROM totp WHERE account = $1 UNION ALL SELECT 1 FROM passkeys WHERE account = $1"
)
COUNT_FACTORS: Final = Query(
    "SELECT (SELECT count(*) FROM totp WHERE account = $1)"
    " + (SELECT count(*) FROM passkeys WHERE account = $1)"
)

# ---------------------------------------------------------------------------------- challenges

ADD_CHALLENGE: Final = Change(
    "INSERT INTO challenges (digest, kind, account, token_version, data, tries, expires_us)"
    " VALUES ($1, $2, $3, $4, $5, 0, $6)"
)
CHALLENGE: Final = Query(_CHALLENGE + " WHERE digest = $1 AND kind = $2 AND expires_us > $3")
COUNT_TRY: Final = Change(
    "UPDATE challenges SET tries = tries + 1 WHERE digest = $1 AND tries < $2"
)
LOCK_CHALLENGE: Final = Query("SELECT 1 FROM challenges WHERE digest = $1 FOR UPDATE")
REMOVE_CHALLENGE: Final = Change("DELETE FROM challenges WHERE digest = $1")
PURGE_CHALLENGES: Final = Change(
    "DELETE FROM challenges WHERE digest IN (SELECT digest FROM challenges"
    " WHERE expires_us <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)
PURGE_FUTURE_CHALLENGES: Final = Change(
    "DELETE FROM challenges WHERE digest IN (SELECT digest FROM challenges"
    " WHERE expires_us > $1 LIMIT $2 FOR UPDATE SKIP LOCKED)"
)

# ---------------------------------------------------------------------------------------- apps

TOTP: Final = Query("SELECT account, sealed, pepper, step, created_us FROM totp WHERE account = $1")
PUT_TOTP: Final = Change(
    "INSERT INTO totp (account, sealed, pepper, step, created_us) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (account) DO UPDATE SET sealed = excluded.sealed, pepper = excluded.pepper,"
    " step = excluded.step, created_us = excluded.created_us"
)
SPEND_STEP: Final = Change("UPDATE totp SET step = $2 WHERE account = $1 AND step < $2")
REMOVE_TOTP: Final = Change("DELETE FROM totp WHERE account = $1")

# ------------------------------------------------------------------------------ recovery codes

COUNT_CODES: Final = Query("SELECT count(*) FROM recovery_codes WHERE account = $1")
ADD_CODE: Final = Change("INSERT INTO recovery_codes (digest, account) VALUES ($1, $2)")
SPEND_CODE: Final = Change("DELETE FROM recovery_codes WHERE account = $1 AND digest = $2")
REMOVE_CODES: Final = Change("DELETE FROM recovery_codes WHERE account = $1")

# ------------------------------------------------------------------------------------ passkeys

PASSKEY: Final = Query(_PASSKEY + " WHERE id = $1")
PASSKEYS: Final = Query(_PASSKEY + " WHERE account = $1 ORDER BY created_us, id")
COUNT_PASSKEYS: Final = Query("SELECT count(*) FROM passkeys WHERE account = $1")
ADD_PASSKEY: Final = Change(
    "INSERT INTO passkeys (id, account, name, public_key, sign_count, transports, eligible,"
    " backed_up, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    " ON CONFLICT (id) DO NOTHING"
)
USE_PASSKEY: Final = Change(
    "UPDATE passkeys SET sign_count = $4, backed_up = $5, used_us = $6"
    " WHERE id = $1 AND account = $2 AND sign_count = $3"
)
RENAME_PASSKEY: Final = Change("UPDATE passkeys SET name = $3 WHERE account = $1 AND id = $2")
REMOVE_PASSKEY: Final = Change("DELETE FROM passkeys WHERE account = $1 AND id = $2")
REMOVE_PASSKEYS: Final = Change("DELETE FROM passkeys WHERE account = $1")

# --------------------------------------------------------------------------------------- terms

TERMS: Final = Query("SELECT required_us, reset_us FROM factor_terms WHERE account = $1")
REQUIRE: Final = Change(
    "INSERT INTO factor_terms (account, required_us) VALUES ($1, $2) ON CONFLICT (account)"
    " DO UPDATE SET required_us = coalesce(factor_terms.required_us, excluded.required_us)"
)
SCHEDULE_RESET: Final = Change(
    "INSERT INTO factor_terms (account, reset_us) VALUES ($1, $2) ON CONFLICT (account)"
    " DO UPDATE SET reset_us = excluded.reset_us"
)
UNSCHEDULE_RESET: Final = Change(
    "UPDATE factor_terms SET reset_us = NULL WHERE account = $1 AND reset_us IS NOT NULL"
)
TAKE_RESET: Final = Change(
    "UPDATE factor_terms SET reset_us = NULL WHERE account = $1 AND reset_us <= $2"
)


def challenge(row: Row) -> Challenge:
    """Read a row of ``CHALLENGE``."""
    return Challenge(
        digest=row[0],
        kind=row[1],
        account=row[2],
        token_version=row[3],
        data=row[4],
        expires_at=moment(row[5]),
    )


def totp(row: Row) -> Totp:
    """Read a row of ``TOTP``."""
    return Totp(
        account=row[0], sealed=row[1], pepper=row[2], step=row[3], created_at=moment(row[4])
    )


def passkey(row: Row) -> Passkey:
    """Read a row of ``PASSKEY``."""
    return Passkey(
        id=row[0],
        account=row[1],
        name=row[2],
        public_key=row[3],
        sign_count=row[4],
        transports=tuple(row[5].split()),
        eligible=bool(row[6]),
        backed_up=bool(row[7]),
        created_at=moment(row[8]),
        used_at=None if row[9] is None else moment(row[9]),
    )
