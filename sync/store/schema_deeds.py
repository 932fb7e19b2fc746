"""The table of what we made beside records, so that it is made once."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from sync.store.schema_base import Id, metadata

founded = Table(
    "founded",
    metadata,
    Column("connection", String, primary_key=True),
    Column("name", String, primary_key=True),  # canonical: of each name we make one company, once
    Column("remote_id", String, nullable=False, server_default=""),
    Column("write", Id, nullable=False),
    Column("state", String, nullable=False),  # intended, made, refused, away
    Column("reason", String, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)
