"""What an operator has to know of: matters that stand, what each channel was told of them, and how it fares."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from sync.store.schema_base import metadata

__all__ = ["notice", "notice_channel", "notice_told"]

notice = Table(
    "notice",
    metadata,
    Column("kind", String, primary_key=True),
    Column("subject", String, primary_key=True),  # a connection or a subscription; empty: all of it
    Column("since", BigInteger, nullable=False),
    Column("counts", Text, nullable=False, server_default="{}"),
    Column("ended", BigInteger, nullable=False, server_default="0"),  # 0: it stands
    sqlite_with_rowid=False,
)

notice_told = Table(
    "notice_told",
    metadata,
    Column("channel", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

notice_channel = Table(
    "notice_channel",
    metadata,
    Column("channel", String, primary_key=True),
    Column("failures", BigInteger, nullable=False, server_default="0"),  # in a row
    Column("rests_until", BigInteger, nullable=False, server_default="0"),
    Column("note", Text, nullable=False, server_default=""),  # why the last attempt failed
    sqlite_with_rowid=False,
)
