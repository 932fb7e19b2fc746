"""Figures of campaigns: what was done with them where nobody is named."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; the next reading of each campaign fills them."""
    op.add_column("campaign", sa.Column("channel", sa.String(), server_default="", nullable=False))
    op.add_column("campaign", sa.Column("figures", sa.Text(), server_default="{}", nullable=False))
