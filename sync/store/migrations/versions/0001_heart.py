"""The first tables: records, people, consent, decisions, writes and the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them all."""
    _connection()
    _consent()
    _decision()
    _document()
    _finding()
    _identifier()
    _journal()
    _lease()
    _meta()
    _person()
    _record()
    _refusal()
    _relationship()
    _release()
    _run()
    _secret()
    _write()


def _connection() -> None:
    op.create_table(
        "connection",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("account", sa.String(), server_default="", nullable=False),
        sa.Column("account_name", sa.String(), server_default="", nullable=False),
        sa.Column("fields", sa.String(), server_default="", nullable=False),
        sa.Column("field_names", sa.Text(), server_default="[]", nullable=False),
        sa.Column("cursor", sa.Text()),
        sa.Column("pulled_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stopped", sa.Text()),
        sa.PrimaryKeyConstraint("name"),
    )


def _consent() -> None:
    op.create_table(
        "consent",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), server_default="email", nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("explicit", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("evidence", sa.String(), server_default="", nullable=False),
        sa.Column("record", _ID, server_default="0", nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("consent_address", "consent", ["address"])


def _decision() -> None:
    op.create_table(
        "decision",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("record", _ID, nullable=False),
        sa.Column("other", _ID, server_default="0", nullable=False),
        sa.Column("organization", sa.String(), server_default="", nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("value", sa.Text(), server_default="null", nullable=False),
        sa.Column("rejects", sa.Text()),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lifted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("decision_record", "decision", ["record"])
    named = sa.text("organization <> ''")
    op.create_index("decision_organization", "decision", ["organization"], sqlite_where=named, postgresql_where=named)


def _finding() -> None:
    op.create_table(
        "finding",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), server_default="", nullable=False),
        sa.Column("record", _ID, server_default="0", nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("finding_kind", "finding", ["kind", "name"])
    op.create_index("finding_person", "finding", ["person"])


def _identifier() -> None:
    op.create_table(
        "identifier",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("record", _ID, nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", "record"),
        sqlite_with_rowid=False,
    )
    op.create_index("identifier_record", "identifier", ["record"])


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("record", _ID, server_default="0", nullable=False),
        sa.Column("person", sa.String(), server_default="", nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("before", sa.Text(), server_default="null", nullable=False),
        sa.Column("after", sa.Text(), server_default="null", nullable=False),
        sa.Column("because", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("journal_person", "journal", ["person"])
    op.create_index("journal_record", "journal", ["record"])


def _lease() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _person() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("email", sa.String(), server_default="", nullable=False),
        sa.Column("fields", sa.Text(), server_default="{}", nullable=False),
        sa.Column("records", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _record() -> None:
    op.create_table(
        "record",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("person", sa.String()),
        sa.Column("founder", sa.String(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), server_default="live", nullable=False),
        sa.Column("mark", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("joined", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("record_founder", "record", ["founder"])
    op.create_index("record_person", "record", ["person"])
    op.create_index("record_remote", "record", ["connection", "remote_id"], unique=True)
    for name, column, where in (
        ("record_marked", "person", "mark > 0"),
        ("record_unresolved", "mark", "mark > 1"),
        ("record_away", "connection", "state <> 'live'"),
    ):
        op.create_index(name, "record", [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _document() -> None:
    op.create_table(
        "document",
        sa.Column("record", _ID, autoincrement=False, nullable=False),
        sa.Column("known", sa.Text(), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("record"),
    )


def _refusal() -> None:
    op.create_table(
        "refusal",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "remote_id"),
    )


def _relationship() -> None:
    op.create_table(
        "relationship",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("since", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("stage", sa.String(), server_default="", nullable=False),
        sa.Column("owner", sa.String(), server_default="", nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.Column("source", sa.String(), server_default="field", nullable=False),
        sa.Column("origin", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("person", "role", "since"),
    )


def _release() -> None:
    op.create_table(
        "release",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("brake", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "brake"),
    )


def _run() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger()),
        sa.Column("plan_hash", sa.String(), server_default="", nullable=False),
        sa.Column("balance", sa.Text(), server_default="{}", nullable=False),
        sa.Column("undoes", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _secret() -> None:
    op.create_table(
        "secret",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _write() -> None:
    op.create_table(
        "write",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("record", _ID, server_default="0", nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("row", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("made", sa.String(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "write_open",
        "write",
        ["state"],
        sqlite_where=sa.text("state = 'intended'"),
        postgresql_where=sa.text("state = 'intended'"),
    )
    op.create_index("write_record", "write", ["record"])
    op.create_index("write_run", "write", ["run"])
    uncertain = sa.text("state = 'uncertain'")
    op.create_index("write_uncertain", "write", ["id"], sqlite_where=uncertain, postgresql_where=uncertain)
