"""The tables of facts: what platforms say beside records."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, String, Table, Text, text

from sync.store.schema_base import Id, metadata

stream = Table(
    "stream",
    metadata,
    Column("connection", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("cursor", Text),  # {"full", "done", "at"} as a connection's own, and when the pull began
    Column("pulled_at", BigInteger, nullable=False, server_default="0"),
    Column("full_at", BigInteger, nullable=False, server_default="0"),  # beginning of the last finished full pull
)

STRAY = text("stray")
"""What the partial index of items holds, to be said in this very word."""

item = Table(
    "item",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
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

STALE = text("stale")
"""What the partial index of organisations holds, to be said in this very word."""

organization = Table(
    "organization",  # one for each company that a platform shows
    metadata,
    Column("id", String, primary_key=True),  # "o_" and 20 hex digits: of the organisation that it would found
    Column("item", Id, nullable=False),
    Column("connection", String, nullable=False),
    Column("remote_id", String, nullable=False),
    Column("name", String, nullable=False, server_default=""),
    Column("domain", String, nullable=False, server_default=""),
    Column("fields", Text, nullable=False, server_default="{}"),  # of the whole organisation
    Column("told", Text, nullable=False, server_default="{}"),  # what its own platform says
    Column("whole", String, nullable=False, server_default=""),  # the organisation that it belongs to; "": its own
    Column("key", String, nullable=False, server_default=""),  # its name and country, as they are compared
    Column("first", Integer, nullable=False, server_default="0"),  # revision that met it; 0: not worked out yet
    Column("since", BigInteger, nullable=False, server_default="0"),  # when it was what it was at first
    Column("stale", Boolean, nullable=False, server_default=text("false")),  # to be worked out again
    Index("organization_remote", "connection", "remote_id", unique=True),
    Index("organization_domain", "domain"),
    Index("organization_item", "item"),
    Index("organization_whole", "whole"),
    Index("organization_key", "key"),
    Index("organization_stale", "id", sqlite_where=STALE, postgresql_where=STALE),
)

tie = Table(
    "tie",
    metadata,
    Column("organization", String, primary_key=True),
    Column("record", Id, primary_key=True),
    Column("label", String, primary_key=True, server_default=""),
    Column("main", Boolean, nullable=False, server_default=text("false")),
    Column("item", Id, nullable=False),
    Column("since", BigInteger, nullable=False, server_default="0"),
    Column("until", BigInteger),  # None: it stands
    Index("tie_record", "record"),
    Index("tie_item", "item"),
)

touchpoint = Table(
    "touchpoint",
    metadata,
    Column("record", Id, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("item", Id, nullable=False, server_default="0"),  # 0: an event that nobody can change
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
    Column("id", Id, primary_key=True, autoincrement=False),  # its item's
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
    Column("record", Id, primary_key=True),  # 0: only an organisation
    Column("deal", Id, primary_key=True),
    Column("organization", String, primary_key=True, server_default=""),
    Index("deal_party_deal", "deal"),
    sqlite_with_rowid=False,
)

feedback = Table(
    "feedback",
    metadata,
    Column("record", Id, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("key", String, primary_key=True),
    Column("item", Id, nullable=False, server_default="0"),
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
    Column("channel", String, nullable=False, server_default=""),
    Column("figures", Text, nullable=False, server_default="{}"),
)

listing = Table(
    "listing",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),  # its item's
    Column("connection", String, nullable=False),
    Column("remote_id", String, nullable=False),
    Column("title", String, nullable=False, server_default=""),
    Column("kind", String, nullable=False, server_default=""),
)

listed = Table(
    "listed",
    metadata,
    Column("record", Id, primary_key=True),
    Column("listing", Id, primary_key=True),
    Column("since", BigInteger, nullable=False, server_default="0"),
    Index("listed_listing", "listing"),
    sqlite_with_rowid=False,
)
