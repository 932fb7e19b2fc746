"""Mail that goes first, places in journals, and the state of webhooks at their platforms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_OPEN_FIRST = sa.text("state = 0 and goes_first = 1")


def upgrade() -> None:
    """What waits already goes in the order in which it came."""
    op.add_column("inbox", sa.Column("goes_first", sa.SmallInteger(), server_default="0", nullable=False))
    op.create_index(
        "inbox_first", "inbox", ["connection", "id"], sqlite_where=_OPEN_FIRST, postgresql_where=_OPEN_FIRST
    )
    op.add_column("meter", sa.Column("unexplained", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "bookmark",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection"),
    )
    op.create_table(
        "hook",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("mended", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("mended_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("connection"),
    )
