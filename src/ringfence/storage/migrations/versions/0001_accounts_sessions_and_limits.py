"""Accounts, sessions, links, counters and the revocation feed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "accounts",
        sa.Column("id", Id, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("login_verified_us", sa.BigInteger, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("token_version", sa.Integer, nullable=False),
        sa.Column("role_version", sa.Integer, nullable=False),
        sa.Column("disabled_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("login", name="uq_accounts_login"),
        sa.CheckConstraint(
            "token_version >= 0 AND role_version >= 0", name=op.f("ck_accounts_versions")
        ),
    )
    op.create_table(
        "verifiers",
        sa.Column("account", Id, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("pepper", sa.Integer, nullable=False),
        sa.Column("kdf", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_verifiers"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_verifiers_digest")),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_verifiers_account", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "sessions",
        sa.Column("id", Id, nullable=False),
        sa.Column("account", Id, nullable=False),
        sa.Column("signed_in_us", sa.BigInteger, nullable=False),
        sa.Column("last_used_us", sa.BigInteger, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("revoked_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.CheckConstraint("length(user_agent) <= 256", name=op.f("ck_sessions_user_agent")),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_sessions_account", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_sessions_account", "sessions", ["account"])
    op.create_index("ix_sessions_last_used_us", "sessions", ["last_used_us"])
    op.create_table(
        "refresh_tokens",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("family", Id, nullable=False),
        sa.Column("parent", sa.LargeBinary),
        sa.Column("signed_in_us", sa.BigInteger, nullable=False),
        sa.Column("issued_us", sa.BigInteger, nullable=False),
        sa.Column("spent_us", sa.BigInteger),
        sa.Column("sealed_successor", sa.LargeBinary),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_tokens"),
        sa.UniqueConstraint("parent", name="uq_refresh_tokens_parent"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_refresh_tokens_digest")),
        sa.CheckConstraint(
            "(spent_us IS NULL) = (sealed_successor IS NULL)", name=op.f("ck_refresh_tokens_spent")
        ),
        sa.ForeignKeyConstraint(
            ["family"], ["sessions.id"], name="fk_refresh_tokens_family", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_refresh_tokens_family", "refresh_tokens", ["family"])
    op.create_index("ix_refresh_tokens_issued_us", "refresh_tokens", ["issued_us"])
    op.create_table(
        "links",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_links"),
        sa.UniqueConstraint("purpose", "login", name="uq_links_purpose_login"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_links_digest")),
        sa.CheckConstraint("purpose IN ('sign-up', 'reset')", name=op.f("ck_links_purpose")),
    )
    op.create_index("ix_links_expires_us", "links", ["expires_us"])
    op.create_table(
        "counters",
        sa.Column("key", Id, nullable=False),
        sa.Column("marks", sa.LargeBinary, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_counters"),
        sa.CheckConstraint("length(marks) % 8 = 0", name=op.f("ck_counters_marks")),
    )
    op.create_index("ix_counters_expires_us", "counters", ["expires_us"])
    op.create_table(
        "revocations",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(always=True),
            nullable=False,
        ),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("session", Id),
        sa.Column("account", Id),
        sa.Column("token_version", sa.Integer, nullable=False),
        sa.Column("role_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revocations"),
        sa.CheckConstraint(
            "(session IS NULL) <> (account IS NULL)", name=op.f("ck_revocations_subject")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_revocations_at_us", "revocations", ["at_us"])
