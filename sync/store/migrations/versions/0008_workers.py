"""Workers: what is due at each connection."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table, empty: what is due follows from the store."""
    op.create_table(
        "due",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), server_default="0", nullable=False),
        sa.Column("looking", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("owed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("left", sa.String(), server_default="", nullable=False),
        sa.Column("rests", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("connection"),
    )
