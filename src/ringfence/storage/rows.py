"""What a row holds, and the value it stands for: one codec for both databases.

Beside each reader stands the SELECT whose columns it takes, in their order, so that the two cannot
drift apart. Placeholders differ between the databases, and so WHERE clauses are the adapters' own.
"""

import json
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from ringfence.authn.accounts import Account, StoredVerifier
from ringfence.authn.counters import Counter
from ringfence.authn.links import Link
from ringfence.authn.outbox import Errand
from ringfence.authn.refresh import RefreshToken
from ringfence.authn.revocation import Revocation
from ringfence.authn.sessions import Assurance, Session

#: A tuple of SQLite's, a record of asyncpg's: values by position.
Row: TypeAlias = Sequence[Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

ACCOUNT: Final = (
    "SELECT a.id, a.login, a.login_verified_us, a.created_us, a.name, a.roles, a.token_version,"
    " a.role_version, a.disabled_us, v.digest, v.pepper, v.kdf,"
    " EXISTS (SELECT 1 FROM totp WHERE account = a.id),"
    " EXISTS (SELECT 1 FROM passkeys WHERE account = a.id), f.reset_us"
    " FROM accounts AS a LEFT JOIN verifiers AS v ON v.account = a.id"
    " LEFT JOIN factor_terms AS f ON f.account = a.id"
)
SESSION: Final = (
    "SELECT id, account, signed_in_us, last_used_us, user_agent, client, aal, amr, authenticated_us"
    " FROM sessions LEFT JOIN assurances ON session = id"
)
# A successor was used when it has been spent itself. A token has at most one: ``parent`` is unique.
REFRESH: Final = (
    "SELECT t.digest, t.family, t.signed_in_us, t.issued_us, s.revoked_us, t.spent_us,"
    " c.spent_us, t.sealed_successor"
    " FROM refresh_tokens AS t JOIN sessions AS s ON s.id = t.family"
    " LEFT JOIN refresh_tokens AS c ON c.parent = t.digest"
)
LINK: Final = "SELECT digest, purpose, login, name, created_us, expires_us FROM links"
ERRAND: Final = (
    "SELECT id, kind, login, site, name, request_id, created_us, due_us, attempts FROM outbox"
)
TAKEN: Final = " RETURNING id, kind, login, site, name, request_id, created_us, due_us, attempts"
REVOCATION: Final = (
    "SELECT id, session, account, token_version, role_version, at_us FROM revocations"
)


def microseconds(at: datetime) -> int:
    """An aware datetime as microseconds since the epoch, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def moment(us: int) -> datetime:
    """The aware UTC datetime of ``us`` microseconds since the epoch, exactly."""
    return _EPOCH + timedelta(microseconds=us)


def findable(text: str) -> bool:
    """Whether a stored text can equal ``text`` at all.

    PostgreSQL stores no NUL and neither database a lone surrogate: a look-up by such a text finds
    nothing, rather than failing as if the store were broken.
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return "\0" not in text


def account(row: Row) -> Account:
    """Read a row of ``ACCOUNT``."""
    return Account(
        id=row[0],
        login=row[1],
        login_verified_at=moment(row[2]),
        created_at=moment(row[3]),
        name=row[4],
        roles=frozenset(json.loads(row[5])),
        token_version=row[6],
        role_version=row[7],
        disabled_at=None if row[8] is None else moment(row[8]),
        verifier=None
        if row[9] is None
        else StoredVerifier(digest=row[9], pepper=row[10], kdf=row[11]),
        has_totp=bool(row[12]),
        has_passkey=bool(row[13]),
        factor_reset_at=None if row[14] is None else moment(row[14]),
    )


def session(row: Row) -> Session:
    """Read a row of ``SESSION``."""
    return Session(
        id=row[0],
        account=row[1],
        signed_in_at=moment(row[2]),
        last_used_at=moment(row[3]),
        user_agent=row[4],
        client=row[5],
        proven=None
        if row[6] is None
        else Assurance(aal=row[6], amr=tuple(row[7].split()), at=moment(row[8])),
    )


def token(row: Row) -> RefreshToken:
    """Read a row of ``REFRESH``."""
    return RefreshToken(
        digest=row[0],
        family=row[1],
        signed_in_at=moment(row[2]),
        issued_at=moment(row[3]),
        family_revoked=row[4] is not None,
        spent_at=None if row[5] is None else moment(row[5]),
        successor_used=row[6] is not None,
        sealed_successor=row[7],
    )


def link(row: Row) -> Link:
    """Read a row of ``LINK``."""
    return Link(
        digest=row[0],
        purpose=row[1],
        login=row[2],
        name=row[3],
        created_at=moment(row[4]),
        expires_at=moment(row[5]),
    )


def errand(row: Row) -> Errand:
    """Read a row of ``ERRAND``."""
    return Errand(
        id=row[0],
        kind=row[1],
        login=row[2],
        site=row[3],
        name=row[4],
        request_id=row[5],
        created_at=moment(row[6]),
        due_at=moment(row[7]),
        attempts=row[8],
    )


def revocation(row: Row) -> Revocation:
    """Read a row of ``REVOCATION``."""
    return Revocation(
        number=row[0],
        session=row[1],
        account=row[2],
        token_version=row[3],
        role_version=row[4],
        at=moment(row[5]),
    )


def counter(marks: bytes, expires_us: int) -> Counter:
    """Read the two columns that hold a counter's state."""
    return Counter(struct.unpack(f"<{len(marks) // 8}q", marks), moment(expires_us))


def marks(state: Counter) -> bytes:
    """The column that holds the marks of ``state``."""
    return struct.pack(f"<{len(state.marks)}q", *state.marks)


def roles(names: frozenset[str]) -> str:
    """The column that holds the roles ``names``; equal sets give equal text."""
    return json.dumps(sorted(names), ensure_ascii=False)
