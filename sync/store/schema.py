"""The tables. Documents are JSON text; times are milliseconds since 1970 UTC; revisions number the runs.

A record is a narrow row, which linking and marking rewrite often, and a wide `document`, which only an edit or a
write of ours rewrites. Records, links (`record.person`, `identifier`), consent, decisions, writes and the journal
are what we know, and so are items with their facts; `person`, `relationship`, `finding`, `member` and `turn` are
derived and may be rebuilt at any time.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")

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

relationship = Table(
    "relationship",
    metadata,
    Column("person", String, primary_key=True),
    Column("role", String, primary_key=True),
    Column("stage", String, nullable=False, server_default=""),
    Column("owner", String, nullable=False, server_default=""),
    Column("since", BigInteger, nullable=False, server_default="0"),
    Column("until", BigInteger),
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

decision = Table(
    "decision",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("record", _Id, nullable=False),
    Column("other", _Id, nullable=False, server_default="0"),
    Column("name", String, nullable=False, server_default=""),
    Column("value", Text, nullable=False, server_default="null"),
    Column("rejects", Text),
    Column("at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("run", Integer, nullable=False, server_default="0"),  # the run that an undo took back, or 0
    Column("lifted", Boolean, nullable=False, server_default=text("false")),
    Index("decision_record", "record"),
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
    Column("state", String, nullable=False),  # intended, applied, refused, not_sent
    Column("reason", String, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
    Index("write_run", "run"),
    Index("write_record", "record"),
    Index("write_open", "state", sqlite_where=text("state = 'intended'"), postgresql_where=text("state = 'intended'")),
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

# ---- facts: what platforms say beside records -------------------------------------------------------------------

stream = Table(
    "stream",
    metadata,
    Column("connection", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("cursor", Text),  # {"full", "done", "at"}, as a connection's own
    Column("pulled_at", BigInteger, nullable=False, server_default="0"),
)

STRAY = text("stray")
"""What the partial index of items holds, to be said in this very word."""

item = Table(
    "item",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("connection", String, nullable=False),
    Column("stream", String, nullable=False),
    Column("remote_id", String, nullable=False),
    Column("digest", LargeBinary),  # None: read it again
    Column("body", Text, nullable=False, server_default="{}"),  # the facts that it told, so that stray ones find home
    Column("stray", Boolean, nullable=False, server_default=text("false")),  # some of its people are not known yet
    Column("gone", Boolean, nullable=False, server_default=text("false")),
    Index("item_remote", "connection", "stream", "remote_id", unique=True),
    Index("item_stray", "connection", sqlite_where=STRAY, postgresql_where=STRAY),
)

organization = Table(
    "organization",
    metadata,
    Column("id", String, primary_key=True),  # "o_" and 20 hex digits, of the item that founded it
    Column("item", _Id, nullable=False),
    Column("connection", String, nullable=False),
    Column("remote_id", String, nullable=False),
    Column("name", String, nullable=False, server_default=""),
    Column("domain", String, nullable=False, server_default=""),
    Column("fields", Text, nullable=False, server_default="{}"),
    Index("organization_remote", "connection", "remote_id", unique=True),
    Index("organization_domain", "domain"),
    Index("organization_item", "item"),
)

tie = Table(
    "tie",
    metadata,
    Column("organization", String, primary_key=True),
    Column("record", _Id, primary_key=True),
    Column("label", String, primary_key=True, server_default=""),
    Column("main", Boolean, nullable=False, server_default=text("false")),
    Column("item", _Id, nullable=False),
    Column("since", BigInteger, nullable=False, server_default="0"),
    Column("until", BigInteger),  # None: it stands
    Index("tie_record", "record"),
    Index("tie_item", "item"),
)

touchpoint = Table(
    "touchpoint",
    metadata,
    Column("record", _Id, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("item", _Id, nullable=False, server_default="0"),  # 0: an event that nobody can change
    Column("channel", String, nullable=False, server_default=""),
    Column("way", String, nullable=False, server_default=""),
    Column("by", String, nullable=False, server_default="unknown"),
    Column("campaign", String, nullable=False, server_default=""),
    Column("detail", String, nullable=False, server_default=""),
    Column("sentiment", Float),
    # all that rules ask of touchpoints, so that the rows themselves are not read
    Index("touchpoint_kind", "kind", "at", "record", "by", "channel", "way"),
    Index("touchpoint_item", "item", sqlite_where=text("item > 0"), postgresql_where=text("item > 0")),
    sqlite_with_rowid=False,
)

deal = Table(
    "deal",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),  # its item's
    Column("connection", String, nullable=False),
    Column("remote_id", String, nullable=False),
    Column("title", String, nullable=False, server_default=""),
    Column("state", String, nullable=False),
    Column("stage", String, nullable=False, server_default=""),
    Column("amount", BigInteger, nullable=False, server_default="0"),  # in the currency's smallest unit
    Column("currency", String, nullable=False, server_default=""),
    Column("opened", BigInteger, nullable=False, server_default="0"),
    Column("closed", BigInteger, nullable=False, server_default="0"),
    Column("owner", String, nullable=False, server_default=""),
    Index("deal_state", "state", "closed"),
)

deal_party = Table(
    "deal_party",
    metadata,
    Column("record", _Id, primary_key=True),  # 0: only an organisation
    Column("deal", _Id, primary_key=True),
    Column("organization", String, primary_key=True, server_default=""),
    Index("deal_party_deal", "deal"),
    sqlite_with_rowid=False,
)

feedback = Table(
    "feedback",
    metadata,
    Column("record", _Id, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("key", String, primary_key=True),
    Column("item", _Id, nullable=False, server_default="0"),
    Column("kind", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("comment", Text, nullable=False, server_default=""),
    Index("feedback_item", "item"),
    sqlite_with_rowid=False,
)

campaign = Table(
    "campaign",
    metadata,
    Column("connection", String, primary_key=True),
    Column("remote_id", String, primary_key=True),
    Column("title", String, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False, server_default="0"),
)

listing = Table(
    "listing",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),  # its item's
    Column("connection", String, nullable=False),
    Column("remote_id", String, nullable=False),
    Column("title", String, nullable=False, server_default=""),
    Column("kind", String, nullable=False, server_default=""),
)

listed = Table(
    "listed",
    metadata,
    Column("record", _Id, primary_key=True),
    Column("listing", _Id, primary_key=True),
    Column("since", BigInteger, nullable=False, server_default="0"),
    Index("listed_listing", "listing"),
    sqlite_with_rowid=False,
)

# ---- segments ------------------------------------------------------------------------------------------------------

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
    Column("segment", String, primary_key=True),
    Column("person", String, primary_key=True),
    Column("at", BigInteger, nullable=False),  # when this person's membership may change by itself
    Index("turn_at", "at"),
    sqlite_with_rowid=False,
)

passage = Table(
    "passage",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("segment", String, nullable=False),
    Column("person", String, nullable=False),
    Column("entered", Boolean, nullable=False),  # else left
    Column("at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("passage_segment", "segment", "at"),
    Index("passage_person", "person"),
)
