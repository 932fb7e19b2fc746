"""The tables of segments: rules as they were last judged, who is in them, and who came and went."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from sync.store.schema_base import Id, metadata

segment = Table(
    "segment",
    metadata,
    Column("name", String, primary_key=True),
    Column("rule", Text, nullable=False),  # as it was last evaluated
    Column("thresholds", Text, nullable=False, server_default="{}"),  # what it took to be among the best
    Column("evaluated", BigInteger, nullable=False, server_default="0"),
)

member = Table(
    "member",
    metadata,
    Column("segment", String, primary_key=True),
    Column("person", String, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Index("member_person", "person"),
    sqlite_with_rowid=False,
)

turn = Table(
    "turn",
    metadata,
    Column("person", String, primary_key=True),
    Column("segment", String, primary_key=True),
    Column("at", BigInteger, nullable=False),  # when this person's membership may change by itself
    Index("turn_at", "at"),
    sqlite_with_rowid=False,
)

passage = Table(
    "passage",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("segment", String, nullable=False),
    Column("person", String, nullable=False),
    Column("entered", Boolean, nullable=False),  # else left
    Column("at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("passage_segment", "segment", "at"),
    Index("passage_person", "person"),
)
