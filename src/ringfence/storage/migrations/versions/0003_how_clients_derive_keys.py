"""How clients derive keys: one row, which the commands of the operator write."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; without a row the parameters of the code hold."""
    op.create_table(
        "derivation",
        sa.Column("one", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("current", sa.Text, nullable=False),
        sa.Column("next", sa.Text),
        sa.Column("raised_us", sa.BigInteger),
        sa.Column("password_retry", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_derivation"),
        sa.CheckConstraint("one = 1", name=op.f("ck_derivation_one")),
        sa.CheckConstraint(
            "(next IS NULL) = (raised_us IS NULL)", name=op.f("ck_derivation_raise")
        ),
        sa.CheckConstraint("password_retry IN (0, 1)", name=op.f("ck_derivation_password_retry")),
    )
