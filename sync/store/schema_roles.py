"""The tables of roles: what people and organisations are to the business, and since when rules say so."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, text

from sync.store.schema_base import metadata

relationship = Table(
    "relationship",
    metadata,
    Column("person", String, primary_key=True),  # or an organisation: its id says which
    Column("role", String, primary_key=True),
    Column("since", BigInteger, primary_key=True, server_default="0"),
    Column("stage", String, nullable=False, server_default=""),
    Column("owner", String, nullable=False, server_default=""),
    Column("until", BigInteger),  # None: it stands
    Column("source", String, nullable=False, server_default="field"),  # decision, field or rule
    Column("origin", String, nullable=False, server_default=""),  # of a field: the connections that show it
)

role_rule = Table(
    "role_rule",
    metadata,
    Column("role", String, primary_key=True),
    Column("rule", Text, nullable=False),  # as it was last judged
    Column("thresholds", Text, nullable=False, server_default="{}"),  # what it took to be among the best
    Column("judged", BigInteger, nullable=False, server_default="0"),
)

STANDS = text("until IS NULL")
"""What the partial index of spells holds, to be said in these very words."""

role_spell = Table(
    "role_spell",
    metadata,
    Column("person", String, primary_key=True),  # an id that it had then: its founding record leads to who it is today
    Column("role", String, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("until", BigInteger),
    Index("role_spell_stands", "role", "person", sqlite_where=STANDS, postgresql_where=STANDS),
    sqlite_with_rowid=False,
)
