"""The inbox: deliveries of webhooks, verified, as they came. Work is derived from it; nothing else remembers it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, SmallInteger, String, Table, Text, text

from sync.store.schema_base import Id, metadata

WAITING, DONE, REFUSED = 0, 1, 2

OPEN = text("state = 0")
"""What the partial index holds, in the very words in which a query has to ask for it."""

DONE_BY = text("run > 0")
"""What the partial index of those that a run looked at holds, likewise."""

__all__ = ["DONE", "DONE_BY", "OPEN", "REFUSED", "WAITING", "inbox", "meter"]

inbox = Table(
    "inbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("connection", String, nullable=False),
    Column("key", String, nullable=False),  # the delivery's own id, or a digest of its body
    Column("at", BigInteger, nullable=False),  # when it came
    Column("body", LargeBinary, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("done_at", BigInteger, nullable=False, server_default="0"),
    Column("run", BigInteger, nullable=False, server_default="0"),  # the run that looked again
    Column("note", Text, nullable=False, server_default=""),  # what was not understood
    Index("inbox_key", "connection", "key", unique=True),
    Index("inbox_waiting", "connection", "id", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("inbox_run", "run", sqlite_where=DONE_BY, postgresql_where=DONE_BY),
)

meter = Table(
    "meter",
    metadata,
    Column("connection", String, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("looked", BigInteger, nullable=False),
    Column("unheard", BigInteger, nullable=False),
)
