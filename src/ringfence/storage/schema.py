"""The tables, as SQLAlchemy Core metadata: what the migrations build, on both databases alike.

Both databases hold the same values, so one codec (``rows``) serves both: times are microseconds
since the epoch (``_us``), roles a JSON array, a counter's marks packed integers. On PostgreSQL the
tables live in a schema of their own, ``ringfence``, beside whatever the application keeps there.

Constraints are the second line behind the adapters' compare-and-set: should a transaction ever
judge wrongly, the database still refuses a second successor, a second live link or a half-spent
token. ``tests/contract`` proves that the migrated schema equals this file.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

#: Opaque ids sort by their bytes, whatever the database's collation is.
Id: Final = Text().with_variant(Text(collation="C"), "postgresql")

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("login", Text, nullable=False),
    Column("login_verified_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("token_version", Integer, nullable=False),
    Column("role_version", Integer, nullable=False),
    Column("disabled_us", BigInteger),
    UniqueConstraint("login"),
    CheckConstraint("token_version >= 0 AND role_version >= 0", name="versions"),
)

# A table of its own, so that whoever may read accounts need not be able to read these.
Table(
    "verifiers",
    metadata,
    Column("account", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("pepper", Integer, nullable=False),
    Column("kdf", Text, nullable=False),
    CheckConstraint("length(digest) = 32", name="digest"),
)

# Hashes that other programs have made, sealed; of accounts that have no verifier yet.
Table(
    "imported_hashes",
    metadata,
    Column("account", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("pepper", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("signed_in_us", BigInteger, nullable=False),
    Column("last_used_us", BigInteger, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("revoked_us", BigInteger),
    CheckConstraint("length(user_agent) <= 256", name="user_agent"),
    Index(None, "account"),
    Index(None, "last_used_us"),
    # The ones that are alive, which are few, in the order in which they are listed.
    Index(
        "ix_sessions_alive",
        "account",
        "last_used_us",
        "id",
        postgresql_where=text("revoked_us IS NULL"),
        sqlite_where=text("revoked_us IS NULL"),
    ),
)

# What the sign-in of a session has proven, where that is not a password alone.
Table(
    "assurances",
    metadata,
    Column("session", Id, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("aal", Integer, nullable=False),
    Column("amr", Text, nullable=False),
    Column("authenticated_us", BigInteger, nullable=False),
    CheckConstraint("aal IN (1, 2, 3)", name="aal"),
)

Table(
    "refresh_tokens",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("family", Id, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("parent", LargeBinary),  # digest of the token that it succeeded
    Column("signed_in_us", BigInteger, nullable=False),
    Column("issued_us", BigInteger, nullable=False),
    Column("spent_us", BigInteger),
    Column("sealed_successor", LargeBinary),
    UniqueConstraint("parent"),
    CheckConstraint("length(digest) = 32", name="digest"),
    CheckConstraint("(spent_us IS NULL) = (sealed_successor IS NULL)", name="spent"),
    Index(None, "family"),
    Index(None, "issued_us"),
)

Table(
    "links",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    UniqueConstraint("purpose", "login"),  # a newer link takes the older one's place
    CheckConstraint("length(digest) = 32", name="digest"),
    CheckConstraint("purpose IN ('sign-up', 'reset')", name="purpose"),
    Index(None, "expires_us"),
)

Table(
    "counters",
    metadata,
    Column("key", Id, primary_key=True),
    Column("marks", LargeBinary, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    CheckConstraint("length(marks) % 8 = 0", name="marks"),
    Index(None, "expires_us"),
)

Table(
    "revocations",
    metadata,
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        Identity(always=True),
        primary_key=True,
    ),
    Column("at_us", BigInteger, nullable=False),
    Column("session", Id),
    Column("account", Id),
    Column("token_version", Integer, nullable=False),
    Column("role_version", Integer, nullable=False),
    CheckConstraint("(session IS NULL) <> (account IS NULL)", name="subject"),
    Index(None, "at_us"),
    sqlite_autoincrement=True,  # an id never comes back: its growth says that there is news
)

# How clients derive keys: one row, or none where nothing was ever changed.
Table(
    "derivation",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("current", Text, nullable=False),
    Column("next", Text),
    Column("raised_us", BigInteger),
    Column("password_retry", Integer, nullable=False),
    CheckConstraint("one = 1", name="one"),
    CheckConstraint("(next IS NULL) = (raised_us IS NULL)", name="raise"),
    CheckConstraint("password_retry IN (0, 1)", name="password_retry"),
)

# Mail that is to be sent: whom for, and why. No link stands here.
Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    UniqueConstraint("kind", "login"),
    CheckConstraint("kind IN ('sign-up', 'reset', 'changed')", name="kind"),
    Index(None, "due_us"),
    Index(None, "created_us"),
)

# The secret of an authenticator app, sealed, and the time step that was spent last.
Table(
    "totp",
    metadata,
    Column("account", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("pepper", Integer, nullable=False),  # version of the one that it was sealed with
    Column("step", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

# A row is a code that works: using one removes it.
Table(
    "recovery_codes",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    CheckConstraint("length(digest) = 32", name="digest"),
    Index(None, "account"),
)

Table(
    "passkeys",
    metadata,
    Column("id", LargeBinary, primary_key=True),  # the credential's, of the authenticator's making
    Column("account", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),  # COSE
    Column("sign_count", BigInteger, nullable=False),
    Column("transports", Text, nullable=False),
    Column("eligible", Integer, nullable=False),  # for backup; never changes
    Column("backed_up", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
    CheckConstraint("length(id) <= 1023", name="id"),
    CheckConstraint("backed_up <= eligible", name="backed_up"),
    Index(None, "account"),
)

# What has been asked and is not answered yet; the right answer removes it.
Table(
    "challenges",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account", Id, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("token_version", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    CheckConstraint("length(digest) = 32", name="digest"),
    Index(None, "account"),
    Index(None, "expires_us"),
)

# Since when an account's role asks for a second factor, and when an operator's reset removes them.
Table(
    "factor_terms",
    metadata,
    Column("account", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("required_us", BigInteger),
    Column("reset_us", BigInteger),
)

# Which keys this database's contents were made with: nothing that could stand in for a key.
Table(
    "key_fingerprints",
    metadata,
    Column("name", Id, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    CheckConstraint("length(fingerprint) = 32", name="fingerprint"),
)
