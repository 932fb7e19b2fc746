"""The tables of erasure: who asked to be erased, where that still has to happen, and what keeps them out afterwards."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, text

from sync.store.schema_base import Id, metadata

WAITING, CONFIRMED = "waiting", "confirmed"

OPEN = text("state = 'waiting'")
"""What the partial index of erased records holds, to be said in these very words."""

__all__ = ["CONFIRMED", "OPEN", "WAITING", "erased", "erasure", "tombstone"]

erasure = Table(
    "erasure",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("person", String, nullable=False),  # an id that nobody gets again
    Column("at", BigInteger, nullable=False),
    Column("source", String, nullable=False, server_default=""),  # the connection that told of it; "": a person asked
    Column("done", BigInteger, nullable=False, server_default="0"),  # when the last platform had confirmed
    Index("erasure_person", "person"),
)

erased = Table(
    "erased",
    metadata,
    Column("record", Id, primary_key=True, autoincrement=False),
    Column("erasure", Id, nullable=False),
    Column("connection", String, nullable=False),
    Column("remote_id", String, nullable=False),  # until it is confirmed; then nothing
    Column("state", String, nullable=False),
    Index("erased_open", "connection", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("erased_erasure", "erasure"),
)

tombstone = Table(
    "tombstone",
    metadata,
    Column("digest", String, primary_key=True),  # keyed, of an address or a remote id: it says nothing by itself
    Column("erasure", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)
