"""The whole model: organisations, touchpoints, deals, feedback and lists, and segments over all of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them all."""
    _stream()
    _item()
    _organization()
    _tie()
    _founded()
    _touchpoint()
    _deal()
    _deal_party()
    _feedback()
    _campaign()
    _listing()
    _listed()
    _segment()
    _member()
    _turn()
    _passage()
    _role_rule()
    _role_spell()


def _stream() -> None:
    op.create_table(
        "stream",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("pulled_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("full_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("connection", "name"),
    )


def _item() -> None:
    op.create_table(
        "item",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.Text(), server_default="{}", nullable=False),
        sa.Column("stray", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("item_remote", "item", ["connection", "stream", "remote_id"], unique=True)
    op.create_index(
        "item_stray", "item", ["connection"], sqlite_where=sa.text("stray"), postgresql_where=sa.text("stray")
    )


def _organization() -> None:
    op.create_table(
        "organization",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("item", _ID, nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("domain", sa.String(), server_default="", nullable=False),
        sa.Column("fields", sa.Text(), server_default="{}", nullable=False),
        sa.Column("told", sa.Text(), server_default="{}", nullable=False),
        sa.Column("whole", sa.String(), server_default="", nullable=False),
        sa.Column("key", sa.String(), server_default="", nullable=False),
        sa.Column("first", sa.Integer(), server_default="0", nullable=False),
        sa.Column("since", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stale", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("organization_domain", "organization", ["domain"])
    op.create_index("organization_item", "organization", ["item"])
    op.create_index("organization_key", "organization", ["key"])
    op.create_index("organization_remote", "organization", ["connection", "remote_id"], unique=True)
    op.create_index("organization_whole", "organization", ["whole"])
    stale = sa.text("stale")
    op.create_index("organization_stale", "organization", ["id"], sqlite_where=stale, postgresql_where=stale)


def _tie() -> None:
    op.create_table(
        "tie",
        sa.Column("organization", sa.String(), nullable=False),
        sa.Column("record", _ID, nullable=False),
        sa.Column("label", sa.String(), server_default="", nullable=False),
        sa.Column("main", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("item", _ID, nullable=False),
        sa.Column("since", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "record", "label"),
    )
    op.create_index("tie_record", "tie", ["record"])
    op.create_index("tie_item", "tie", ["item"])


def _founded() -> None:
    op.create_table(
        "founded",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), server_default="", nullable=False),
        sa.Column("write", _ID, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("connection", "name"),
        sqlite_with_rowid=False,
    )


def _touchpoint() -> None:
    op.create_table(
        "touchpoint",
        sa.Column("record", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("item", _ID, server_default="0", nullable=False),
        sa.Column("channel", sa.String(), server_default="", nullable=False),
        sa.Column("way", sa.String(), server_default="", nullable=False),
        sa.Column("by", sa.String(), server_default="unknown", nullable=False),
        sa.Column("campaign", sa.String(), server_default="", nullable=False),
        sa.Column("detail", sa.String(), server_default="", nullable=False),
        sa.Column("sentiment", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("record", "at", "kind", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "touchpoint_item",
        "touchpoint",
        ["item"],
        sqlite_where=sa.text("item > 0"),
        postgresql_where=sa.text("item > 0"),
    )
    op.create_index("touchpoint_kind", "touchpoint", ["kind", "at", "record", "by", "channel", "way"])


def _deal() -> None:
    op.create_table(
        "deal",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), server_default="", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.String(), server_default="", nullable=False),
        sa.Column("opened", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("closed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owner", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("deal_state", "deal", ["state", "closed"])


def _deal_party() -> None:
    op.create_table(
        "deal_party",
        sa.Column("record", _ID, nullable=False),
        sa.Column("deal", _ID, nullable=False),
        sa.Column("organization", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("record", "deal", "organization"),
        sqlite_with_rowid=False,
    )
    op.create_index("deal_party_deal", "deal_party", ["deal"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("record", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("item", _ID, server_default="0", nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("record", "at", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("feedback_item", "feedback", ["item"])


def _campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("connection", "remote_id"),
    )


def _listing() -> None:
    op.create_table(
        "listing",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("kind", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _listed() -> None:
    op.create_table(
        "listed",
        sa.Column("record", _ID, nullable=False),
        sa.Column("listing", _ID, nullable=False),
        sa.Column("since", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("record", "listing"),
        sqlite_with_rowid=False,
    )
    op.create_index("listed_listing", "listed", ["listing"])


def _segment() -> None:
    op.create_table(
        "segment",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("thresholds", sa.Text(), server_default="{}", nullable=False),
        sa.Column("evaluated", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _member() -> None:
    op.create_table(
        "member",
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("segment", "person"),
        sqlite_with_rowid=False,
    )
    op.create_index("member_person", "member", ["person"])


def _turn() -> None:
    op.create_table(
        "turn",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", "segment"),
        sqlite_with_rowid=False,
    )
    op.create_index("turn_at", "turn", ["at"])


def _passage() -> None:
    op.create_table(
        "passage",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("entered", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("passage_person", "passage", ["person"])
    op.create_index("passage_segment", "passage", ["segment", "at"])


def _role_rule() -> None:
    op.create_table(
        "role_rule",
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("thresholds", sa.Text(), server_default="{}", nullable=False),
        sa.Column("judged", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("role"),
    )


def _role_spell() -> None:
    op.create_table(
        "role_spell",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("person", "role", "since"),
        sqlite_with_rowid=False,
    )
    stands = sa.text("until IS NULL")
    op.create_index("role_spell_stands", "role_spell", ["role", "person"], sqlite_where=stands, postgresql_where=stands)
