"""Erasure: who asked to be erased, where it is still to happen, and what keeps them out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = sa.text("state = 'waiting'")


def upgrade() -> None:
    """Make the tables, empty: nobody has asked yet."""
    op.create_table(
        "erasure",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), server_default="", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("erasure_person", "erasure", ["person"])
    op.create_table(
        "erased",
        sa.Column("record", _ID, autoincrement=False, nullable=False),
        sa.Column("erasure", _ID, nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("record"),
    )
    op.create_index("erased_open", "erased", ["connection"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("erased_erasure", "erased", ["erasure"])
    op.create_table(
        "tombstone",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("erasure", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
