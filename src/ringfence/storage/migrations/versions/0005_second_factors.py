"""Second factors, the challenges that ask for them, and how strongly a session was begun."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add tables. A session without a row in ``assurances`` was begun by a password alone."""
    op.create_table(
        "assurances",
        sa.Column("session", Id, nullable=False),
        sa.Column("aal", sa.Integer, nullable=False),
        sa.Column("amr", sa.Text, nullable=False),
        sa.Column("authenticated_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("session", name="pk_assurances"),
        sa.CheckConstraint("aal IN (1, 2, 3)", name=op.f("ck_assurances_aal")),
        sa.ForeignKeyConstraint(
            ["session"], ["sessions.id"], name="fk_assurances_session", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "totp",
        sa.Column("account", Id, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("pepper", sa.Integer, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_totp"),
        _account("totp"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("account", Id, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_recovery_codes"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_recovery_codes_digest")),
        _account("recovery_codes"),
    )
    op.create_index("ix_recovery_codes_account", "recovery_codes", ["account"])
    op.create_table(
        "passkeys",
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("account", Id, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("transports", sa.Text, nullable=False),
        sa.Column("eligible", sa.Integer, nullable=False),
        sa.Column("backed_up", sa.Integer, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.CheckConstraint("length(id) <= 1023", name=op.f("ck_passkeys_id")),
        sa.CheckConstraint("backed_up <= eligible", name=op.f("ck_passkeys_backed_up")),
        _account("passkeys"),
    )
    op.create_index("ix_passkeys_account", "passkeys", ["account"])
    op.create_table(
        "challenges",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("account", Id),
        sa.Column("token_version", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_challenges"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_challenges_digest")),
        _account("challenges"),
    )
    op.create_index("ix_challenges_account", "challenges", ["account"])
    op.create_index("ix_challenges_expires_us", "challenges", ["expires_us"])
    op.create_table(
        "factor_terms",
        sa.Column("account", Id, nullable=False),
        sa.Column("required_us", sa.BigInteger),
        sa.Column("reset_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("account", name="pk_factor_terms"),
        _account("factor_terms"),
    )


def _account(table: str) -> sa.ForeignKeyConstraint:
    """What hangs on an account goes with it."""
    return sa.ForeignKeyConstraint(
        ["account"], ["accounts.id"], name=f"fk_{table}_account", ondelete="CASCADE"
    )
