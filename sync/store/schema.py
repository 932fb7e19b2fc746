"""The tables. Documents are JSON text; times are milliseconds since 1970 UTC; revisions number the runs.

A record is a narrow row, which linking and marking rewrite often, and a wide `document`, which only an edit or a
write of ours rewrites. Records, links (`record.person`, `identifier`), consent, decisions, writes and the journal
are what we know, and so are items with their facts and the times for which a rule gave a role (`role_spell`);
`person`, `relationship`, `finding`, `member` and `turn` are derived and may be rebuilt at any time.

Here are records and what is known of them; facts, roles and segments are in modules of their own, and everybody
imports all of them from here.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from sync.store.schema_base import Id as _Id
from sync.store.schema_base import metadata
from sync.store.schema_deeds import founded
from sync.store.schema_facts import (
    STALE,
    STRAY,
    campaign,
    deal,
    deal_party,
    feedback,
    item,
    listed,
    listing,
    organization,
    stream,
    tie,
    touchpoint,
)
from sync.store.schema_roles import relationship, role_rule, role_spell
from sync.store.schema_segments import member, passage, segment, turn

__all__ = [
    "AWAY",
    "MARKED",
    "MARK_FOLD",
    "MARK_RESOLVE",
    "OF_ONE",
    "STALE",
    "STRAY",
    "UNCERTAIN",
    "UNRESOLVED",
    "_Id",
    "campaign",
    "connection",
    "consent",
    "deal",
    "deal_party",
    "decision",
    "document",
    "feedback",
    "finding",
    "founded",
    "identifier",
    "item",
    "journal",
    "lease",
    "listed",
    "listing",
    "member",
    "meta",
    "metadata",
    "organization",
    "passage",
    "person",
    "record",
    "refusal",
    "relationship",
    "release",
    "role_rule",
    "role_spell",
    "run",
    "secret",
    "segment",
    "stream",
    "tie",
    "touchpoint",
    "turn",
    "write",
]

connection = Table(
    "connection",
    metadata,
    Column("name", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("account", String, nullable=False, server_default=""),
    Column("account_name", String, nullable=False, server_default=""),
    Column("fields", String, nullable=False, server_default=""),  # fingerprint of the field table
    Column("field_names", Text, nullable=False, server_default="[]"),
    Column("cursor", Text),  # {"full", "done", "at"}: `at` is the connector's own, with the page it follows
    Column("pulled_at", BigInteger, nullable=False, server_default="0"),  # end of the last finished pull
    Column("stopped", Text),  # the guards that stopped it, JSON
)

secret = Table(
    "secret",
    metadata,
    Column("name", String, primary_key=True),  # the connection's
    Column("sealed", LargeBinary, nullable=False),  # encrypted by the vault
)

MARKED, UNRESOLVED, AWAY = text("mark > 0"), text("mark > 1"), text("state <> 'live'")
"""What the partial indexes of records hold. A query has to say it in these very words, values and all: with a bound
parameter no index is used, and a run that finds nothing to do reads every record."""

record = Table(
    "record",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("connection", String, nullable=False),
    Column("remote_id", String, nullable=False),
    Column("digest", LargeBinary),  # of the raw record as last read; None: decode it again
    Column("person", String),  # None: not resolved yet
    Column("founder", String, nullable=False),  # the id of the person that this record would found
    Column("first", Integer, nullable=False),
    Column("state", String, nullable=False, server_default="live"),
    Column("mark", SmallInteger, nullable=False, server_default="0"),
    Column("joined", Integer, nullable=False, server_default="0"),  # revision that linked it to its person
    Index("record_remote", "connection", "remote_id", unique=True),
    Index("record_person", "person"),
    Index("record_founder", "founder"),
    Index("record_marked", "person", sqlite_where=MARKED, postgresql_where=MARKED),
    Index("record_unresolved", "mark", sqlite_where=UNRESOLVED, postgresql_where=UNRESOLVED),
    Index("record_away", "connection", sqlite_where=AWAY, postgresql_where=AWAY),
)

document = Table(
    "document",
    metadata,
    Column("record", _Id, primary_key=True, autoincrement=False),
    Column("known", Text, nullable=False),
    Column("memory", Text, nullable=False),  # claims, pairs, returns, addresses, consent: `sync.store.records.Memory`
)

MARK_RESOLVE = 2  # its identifiers are new
MARK_FOLD = 1  # its person has to be folded and planned again

identifier = Table(
    "identifier",
    metadata,
    Column("kind", String, primary_key=True),
    Column("value", String, primary_key=True),  # canonical
    Column("record", _Id, primary_key=True),
    Index("identifier_record", "record"),
    sqlite_with_rowid=False,
)

person = Table(
    "person",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, server_default=""),
    Column("email", String, nullable=False, server_default=""),
    Column("fields", Text, nullable=False, server_default="{}"),  # chosen values
    Column("records", Integer, nullable=False, server_default="0"),
)

consent = Table(
    "consent",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("address", String, nullable=False),  # canonical
    Column("channel", String, nullable=False, server_default="email"),
    Column("purpose", String, nullable=False),
    Column("state", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("explicit", Boolean, nullable=False, server_default=text("false")),
    Column("evidence", String, nullable=False, server_default=""),
    Column("record", _Id, nullable=False, server_default="0"),
    Column("revision", Integer, nullable=False, server_default="0"),
    Index("consent_address", "address"),
)

OF_ONE = text("organization <> ''")
"""What the partial index of decisions about organisations holds, to be said in these very words."""

decision = Table(
    "decision",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("record", _Id, nullable=False),
    Column("other", _Id, nullable=False, server_default="0"),
    Column("organization", String, nullable=False, server_default=""),  # where it is about one, and about no record
    Column("name", String, nullable=False, server_default=""),
    Column("value", Text, nullable=False, server_default="null"),
    Column("rejects", Text),
    Column("at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("run", Integer, nullable=False, server_default="0"),  # the run that an undo took back, or 0
    Column("lifted", Boolean, nullable=False, server_default=text("false")),
    Index("decision_record", "record"),
    Index("decision_organization", "organization", sqlite_where=OF_ONE, postgresql_where=OF_ONE),
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),  # sync, apply, undo
    Column("revision", Integer, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("plan_hash", String, nullable=False, server_default=""),
    Column("balance", Text, nullable=False, server_default="{}"),
    Column("undoes", Integer, nullable=False, server_default="0"),
)

UNCERTAIN = text("state = 'uncertain'")
"""What the partial index of writes that may have arrived holds, to be said in these very words."""

write = Table(
    "write",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("run", Integer, nullable=False),
    Column("connection", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("record", _Id, nullable=False, server_default="0"),
    Column("person", String, nullable=False),
    Column("row", Text, nullable=False),  # the plan's row: before, after, why
    Column("state", String, nullable=False),  # intended, applied, refused, not_sent, uncertain, looked_at
    Column("reason", String, nullable=False, server_default=""),
    Column("made", String, nullable=False, server_default=""),  # remote id of a task or company that it made
    Column("at", BigInteger, nullable=False),
    Index("write_run", "run"),
    Index("write_record", "record"),
    Index("write_open", "state", sqlite_where=text("state = 'intended'"), postgresql_where=text("state = 'intended'")),
    Index("write_uncertain", "id", sqlite_where=UNCERTAIN, postgresql_where=UNCERTAIN),
)

finding = Table(
    "finding",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("person", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("connection", String, nullable=False, server_default=""),
    Column("record", _Id, nullable=False, server_default="0"),
    Column("name", String, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Index("finding_person", "person"),
    Index("finding_kind", "kind", "name"),
)

refusal = Table(
    "refusal",
    metadata,
    Column("connection", String, primary_key=True),
    Column("remote_id", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

release = Table(
    "release",
    metadata,
    Column("connection", String, primary_key=True),
    Column("brake", String, primary_key=True),
    Column("size", Integer, nullable=False, server_default="0"),
    Column("at", BigInteger, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("record", _Id, nullable=False, server_default="0"),
    Column("person", String, nullable=False, server_default=""),
    Column("name", String, nullable=False, server_default=""),
    Column("before", Text, nullable=False, server_default="null"),
    Column("after", Text, nullable=False, server_default="null"),
    Column("because", String, nullable=False, server_default=""),
    Index("journal_record", "record"),
    Index("journal_person", "person"),
)

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", Text, nullable=False))

lease = Table(
    "lease",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("expires", BigInteger, nullable=False),
)
