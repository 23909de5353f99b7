"""Mail that is to be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "outbox",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("kind", "login", name="uq_outbox_kind_login"),
        sa.CheckConstraint("kind IN ('sign-up', 'reset', 'changed')", name=op.f("ck_outbox_kind")),
    )
    op.create_index("ix_outbox_due_us", "outbox", ["due_us"])
    op.create_index("ix_outbox_created_us", "outbox", ["created_us"])
