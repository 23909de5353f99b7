"""Fingerprints of the keys, and an index of the sessions that are alive."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table and an index."""
    op.create_table(
        "key_fingerprints",
        sa.Column("name", Id, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_key_fingerprints"),
        sa.CheckConstraint(
            "length(fingerprint) = 32", name=op.f("ck_key_fingerprints_fingerprint")
        ),
    )
    alive = sa.text("revoked_us IS NULL")
    op.create_index(
        "ix_sessions_alive",
        "sessions",
        ["account", "last_used_us", "id"],
        postgresql_where=alive,
        sqlite_where=alive,
    )
