"""What we tell others: who listens, what happened, and how telling it went.

Events are derived from the other tables. `event_mark` says how far each was read; `stirred` and `stirred_touch` who
and what may have changed since; `told` what listeners know of a person.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text, text

from sync.store.schema_base import Id, metadata

ACTIVE, DISABLED = 0, 1
WAITING, DELIVERED, GIVEN_UP = 0, 1, 2

DUE = text("state = 0")
"""What the partial index of deliveries holds, in the very words in which a query has to ask for it."""

__all__ = [
    "ACTIVE", "DELIVERED", "DISABLED", "DUE", "GIVEN_UP", "WAITING", "api_key", "attempt", "delivery", "event",
    "event_mark", "stirred", "stirred_touch", "subscription", "told",
]  # fmt: skip

subscription = Table(
    "subscription",
    metadata,
    Column("id", String, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),  # JSON, sorted
    Column("made", BigInteger, nullable=False),
    Column("made_by", String, nullable=False, server_default=""),  # the API key's name; empty: the command line
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("note", Text, nullable=False, server_default=""),  # why it is disabled
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("failing_since", BigInteger, nullable=False, server_default="0"),
    Column("rests_until", BigInteger, nullable=False, server_default="0"),
)

event = Table(
    "event",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),  # from what happened: the same however often it is derived
    Column("kind", String, nullable=False),
    Column("at", BigInteger, nullable=False),  # when it was derived
    Column("data", Text, nullable=False),
    Index("event_id", "id", unique=True),
    Index("event_kind", "kind", "seq"),
    Index("event_at", "at"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("subscription", String, nullable=False),
    Column("event", String, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("first_at", BigInteger, nullable=False, server_default="0"),  # the first attempt
    Column("due", BigInteger, nullable=False),
    Index("delivery_once", "subscription", "event", unique=True),
    Index("delivery_due", "subscription", "due", sqlite_where=DUE, postgresql_where=DUE),
    Index("delivery_event", "event"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("delivery", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),  # 0: no answer
    Column("note", String, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("scopes", Text, nullable=False),  # JSON, sorted
    Column("made", BigInteger, nullable=False),
    Index("api_key_name", "name", unique=True),
)

event_mark = Table(
    "event_mark",
    metadata,
    Column("source", String, primary_key=True),
    Column("value", Text, nullable=False),
)

stirred = Table(
    "stirred",
    metadata,
    Column("person", String, primary_key=True),
    sqlite_with_rowid=False,
)

stirred_touch = Table(
    "stirred_touch",
    metadata,
    Column("record", Id, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("key", String, primary_key=True),
    sqlite_with_rowid=False,
)

told = Table(
    "told",
    metadata,
    Column("person", String, primary_key=True),
    Column("number", Integer, nullable=False, server_default="0"),  # events told of this person
    Column("email", String, nullable=False, server_default=""),
    Column("fields", Text),  # None: merged into somebody else
    Column("reviews", Text, nullable=False, server_default="[]"),
    sqlite_with_rowid=False,
)
