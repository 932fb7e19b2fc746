"""The inbox: deliveries of webhooks, verified, as they came. Work is derived from it; nothing else remembers it.

Beside it what is known of how they come: the meter of what was lost, places in journals, the state of hooks.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, SmallInteger, String, Table, Text, text

from sync.store.schema_base import Id, metadata

WAITING, DONE, REFUSED = 0, 1, 2

OPEN = text("state = 0")
"""What the partial index holds, in the very words in which a query has to ask for it."""

DONE_BY = text("run > 0")
"""What the partial index of those that a run looked at holds, likewise."""

OPEN_FIRST = text("state = 0 and goes_first = 1")
"""The same, of what goes before everything else."""

__all__ = ["DONE", "DONE_BY", "OPEN", "OPEN_FIRST", "REFUSED", "WAITING", "bookmark", "hook", "inbox", "meter"]

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
    Column("goes_first", SmallInteger, nullable=False, server_default="0"),  # 1: somebody may have left
    Index("inbox_key", "connection", "key", unique=True),
    Index("inbox_waiting", "connection", "id", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("inbox_run", "run", sqlite_where=DONE_BY, postgresql_where=DONE_BY),
    Index("inbox_first", "connection", "id", sqlite_where=OPEN_FIRST, postgresql_where=OPEN_FIRST),
)

meter = Table(
    "meter",
    metadata,
    Column("connection", String, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("looked", BigInteger, nullable=False),
    Column("unheard", BigInteger, nullable=False),
    Column("unexplained", BigInteger, nullable=False, server_default="0"),  # whose reason only a lost delivery told
)

bookmark = Table(
    "bookmark",
    metadata,
    Column("connection", String, primary_key=True),
    Column("place", String, nullable=False),  # where to read on in the platform's journal, in its own words
    Column("at", BigInteger, nullable=False),  # when something was last read there
)

hook = Table(
    "hook",
    metadata,
    Column("connection", String, primary_key=True),
    Column("looked_at", BigInteger, nullable=False),  # when the platform's own setting was last looked at
    Column("mended", BigInteger, nullable=False, server_default="0"),  # how often it had to be put right
    Column("mended_at", BigInteger, nullable=False, server_default="0"),
    Column("trouble", Text, nullable=False, server_default=""),  # why it could not be
)
