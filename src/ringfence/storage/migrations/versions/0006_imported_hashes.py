"""Hashes that other programs have made of passwords, until their owners sign in."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "imported_hashes",
        sa.Column("account", Id, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("pepper", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_imported_hashes"),
        sa.ForeignKeyConstraint(
            ["account"], ["accounts.id"], name="fk_imported_hashes_account", ondelete="CASCADE"
        ),
    )
