"""The table of what a worker has to know of each connection, beside what follows from its mail and its last pull."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, text

from sync.store.schema_base import metadata

__all__ = ["due"]

due = Table(
    "due",
    metadata,
    Column("connection", String, primary_key=True),
    Column("run", Integer, nullable=False, server_default="0"),  # the last run that held its lease
    Column("looking", Boolean, nullable=False, server_default=text("false")),  # its last look has not been judged yet
    Column("owed", BigInteger, nullable=False, server_default="0"),  # since when another's plan has writes for it, or 0
    Column("left", String, nullable=False, server_default=""),  # the hash of the writes that its own last run left
    Column("rests", BigInteger, nullable=False, server_default="0"),  # until when it is left alone after a failure
)
