"""Filing: facts into their tables. Who a fact is about is looked up in bulk; whoever is not known is told back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from mapping.facts import Facts, Listing, Organization, Tie
from mapping.model import Millis
from mapping.values import Kind, canonical
from sync.events_stirred import stir_touches
from sync.filing_companies import file_companies, forget_companies, organization_id
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.schema import MARK_FOLD
from sync.tombs import without_erased

__all__ = [
    "Told", "file_facts", "file_members", "forget_items", "next_item", "organization_id", "remember_list",
    "remote_list", "with_news",
]  # fmt: skip

Told = Sequence[tuple[int, Facts]]
"""Facts by the item that tells them; 0 for events, which nothing ever takes back."""


def file_facts(conn: Connection, connection: str, told: Told, now: Millis) -> tuple[int, dict[int, Facts]]:
    """File facts; returns how many came new, and what is left of strangers, by item."""
    told = without_erased(conn, connection, told)
    desk = _Desk(connection, _people(conn, connection, told), now)
    for item, facts in told:
        desk.take(item, facts)
    return desk.file(conn), {item: left for item, left in desk.strays.items() if left.about()}


def with_news(conn: Connection, connection: str, told: Told) -> list[int]:
    """Items that name somebody whom the store knows by now and for whom it has not filed them yet. Facts of strangers
    stay with their item without those who are known; lists and deals stay whole, so their rows are asked."""
    people = _people(conn, connection, told)
    whole = [item for item, facts in told if facts.listings or facts.deals] if people else []
    there = set(bulk.select_in(conn, [t.listed.c.listing, t.listed.c.record], t.listed.c.listing, whole))
    there |= set(bulk.select_in(conn, [t.deal_party.c.deal, t.deal_party.c.record], t.deal_party.c.deal, whole))
    found = []
    for item, facts in told:
        alone = [touch.who for touch in facts.touchpoints] + [word.who for word in facts.feedback]
        alone += [tie.who for tie in facts.ties]
        among = [who for deal in facts.deals for who in deal.who] + [who for one in facts.listings for who in one.who]
        if any(who in people for who in alone) or any(
            (item, people[who]) not in there for who in among if who in people
        ):
            found.append(item)
    return found


@dataclass(slots=True)
class _Desk:
    """Rows gathered from many items, so that each table is written once."""

    connection: str
    people: Mapping[str, int]
    now: Millis
    strays: dict[int, Facts] = field(default_factory=dict)
    organizations: list[tuple[int, Organization]] = field(default_factory=list)
    ties: list[tuple[object, ...]] = field(default_factory=list)
    touchpoints: list[tuple[object, ...]] = field(default_factory=list)
    deals: list[tuple[object, ...]] = field(default_factory=list)
    parties: list[tuple[object, ...]] = field(default_factory=list)
    feedback: list[tuple[object, ...]] = field(default_factory=list)
    campaigns: list[tuple[object, ...]] = field(default_factory=list)
    listings: list[tuple[object, ...]] = field(default_factory=list)
    listed: list[tuple[object, ...]] = field(default_factory=list)

    def take(self, item: int, facts: Facts) -> None:
        people, left = self.people, Facts()
        clean, add = records.clean, self.touchpoints.append
        for touch in facts.touchpoints:
            record = people.get(touch.who)
            if record is None:
                left.touchpoints.append(touch)
                continue
            ids = (record, touch.at, touch.kind.value, touch.key, item)
            add(
                (
                    *ids,
                    touch.channel.value,
                    touch.way.value,
                    touch.by.value,
                    touch.campaign,
                    clean(touch.detail),
                    touch.sentiment,
                )
            )
        for word in facts.feedback:
            record = people.get(word.who)
            if record is None:
                left.feedback.append(word)
            else:
                self.feedback.append((record, word.at, word.key, item, word.kind, word.score, clean(word.comment)))
        for one in facts.organizations:
            self.organizations.append((item, one))
        left.ties = [tie for tie in facts.ties if not self._tie(item, tie)]
        for deal in facts.deals:
            self.deals.append(
                (
                    item, self.connection, deal.remote_id, clean(deal.title), deal.state.value, clean(deal.stage),
                    deal.amount, deal.currency, deal.opened, deal.closed, clean(deal.owner),
                )
            )  # fmt: skip
            companies = [organization_id(self.connection, one) for one in deal.organizations] or [""]
            holders = [people[who] for who in deal.who if who in people] or [0]
            self.parties += [(record, item, company) for record in holders for company in companies]
            if any(who not in people for who in deal.who):
                left.deals.append(deal)
        for campaign in facts.campaigns:
            where, figures = (self.connection, campaign.remote_id), records.dump(campaign.figures)
            self.campaigns.append((*where, clean(campaign.title), campaign.at, campaign.channel, figures))
        left.listings = [one for one in facts.listings if not self._list(item, one)]
        self.strays[item] = left

    def _tie(self, item: int, tie: Tie) -> bool:
        record = self.people.get(tie.who)
        if record is not None:
            organization = organization_id(self.connection, tie.organization)
            self.ties.append((organization, record, records.clean(tie.label), tie.primary, item, self.now, None))
        return record is not None

    def _list(self, item: int, listing: Listing) -> bool:
        """A listing without its strangers; whether it has none."""
        self.listings.append((item, self.connection, listing.remote_id, records.clean(listing.title), listing.kind))
        self.listed += [(self.people[who], item, self.now) for who in listing.who if who in self.people]
        return all(who in self.people for who in listing.who)

    def file(self, conn: Connection) -> int:
        """Write everything gathered; returns how many facts came new."""
        file_companies(conn, self.connection, self.organizations, self.now)
        bulk.upsert(conn, t.tie, _TIE, self.ties, _TIE[:3], ("main", "item", "until"))
        bulk.upsert(conn, t.deal, _DEAL, self.deals, ("id",), _DEAL[3:])
        bulk.delete_in(conn, t.deal_party.c.deal, [row[0] for row in self.deals])
        bulk.insert_ignore(conn, t.deal_party, ("record", "deal", "organization"), sorted(self.parties, key=str))
        bulk.upsert(conn, t.campaign, _CAMPAIGN, self.campaigns, _CAMPAIGN[:2], _CAMPAIGN[2:])
        bulk.upsert(conn, t.listing, _LISTING, self.listings, ("id",), _LISTING[3:])
        new = bulk.insert_ignore(conn, t.touchpoint, _TOUCHPOINT, sorted(self.touchpoints, key=_place))
        stir_touches(conn, self.touchpoints, self.now)
        new += bulk.insert_ignore(conn, t.feedback, _FEEDBACK, sorted(self.feedback, key=_place))
        new += self._file_lists(conn)
        if new or self.deals or self.ties:
            rows = (*self.touchpoints, *self.feedback, *self.parties)
            about = {row[0] for row in rows} | {row[1] for row in self.ties} | {row[0] for row in self.listed}
            records.mark(conn, sorted(record for record in about if isinstance(record, int) and record), MARK_FOLD)
        return new + len(self.deals) + len(self.ties)

    def _file_lists(self, conn: Connection) -> int:
        """Who is on each list now; whoever was on it stays with the date since when."""
        now_on = {(record, listing) for record, listing, _ in self.listed}
        columns = [t.listed.c.record, t.listed.c.listing]
        were_on = bulk.select_in(conn, columns, t.listed.c.listing, [row[0] for row in self.listings])
        left: dict[int, list[int]] = {}
        for record, listing in were_on:
            if (record, listing) not in now_on:
                left.setdefault(listing, []).append(record)
        for listing, off in left.items():
            bulk.delete_in(conn, t.listed.c.record, off, {"listing": listing})
        _concerns(conn, (record for off in left.values() for record in off))
        return bulk.insert_ignore(conn, t.listed, ("record", "listing", "since"), sorted(self.listed, key=_place))


def _place(row: tuple[object, ...]) -> tuple[object, ...]:
    return row[:4]


_TIE = ("organization", "record", "label", "main", "item", "since", "until")
_TOUCHPOINT = (
    "record", "at", "kind", "key", "item", "channel", "way", "by", "campaign", "detail", "sentiment",
)  # fmt: skip
_DEAL = (
    "id", "connection", "remote_id", "title", "state", "stage", "amount", "currency", "opened", "closed", "owner",
)  # fmt: skip
_FEEDBACK = ("record", "at", "key", "item", "kind", "score", "comment")
_CAMPAIGN = ("connection", "remote_id", "title", "at", "channel", "figures")
_LISTING = ("id", "connection", "remote_id", "title", "kind")


def next_item(conn: Connection) -> int:
    """The next free item id. Safe because only the holder of the lease adds items; the database's own numbering is
    never asked, since it knows nothing of ids that we gave."""
    found = conn.execute(select(t.item.c.id).order_by(t.item.c.id.desc()).limit(1)).scalar()
    return int(found or 0) + 1


def remote_list(conn: Connection, connection: str, title: str) -> str:
    """The remote id of a static list by its title; empty where there is none that we know of."""
    mine = select(t.listing.c.remote_id).where(t.listing.c.connection == connection, t.listing.c.title == title)
    return conn.execute(mine.where(t.listing.c.kind != "dynamic").limit(1)).scalar() or ""


def remember_list(conn: Connection, connection: str, stream: str, title: str, remote_id: str) -> None:
    """Know of a list that we made. Who is on it is read with the others, in *stream*."""
    if remote_id and not remote_list(conn, connection, title):
        row = (next_item(conn), connection, stream, remote_id)
        bulk.insert_ignore(conn, t.item, ("id", "connection", "stream", "remote_id"), [row])
        query = select(t.item.c.id).where(
            t.item.c.connection == connection, t.item.c.stream == stream, t.item.c.remote_id == remote_id
        )
        identity = conn.execute(query).scalar_one()
        bulk.upsert(
            conn, t.listing, _LISTING, [(identity, connection, remote_id, title, "static")], ("id",), ("title",)
        )


def file_members(
    conn: Connection, connection: str, title: str, records_of: Sequence[int], off: Collection[int], now: Millis
) -> None:
    """Who is on a list of ours after a change that the platform took."""
    query = select(t.listing.c.id).where(t.listing.c.connection == connection, t.listing.c.title == title)
    listing = conn.execute(query.limit(1)).scalar()
    if listing is not None:
        on = [(record, listing, now) for record in sorted(records_of) if record not in off]
        bulk.insert_ignore(conn, t.listed, ("record", "listing", "since"), on)
        bulk.delete_in(conn, t.listed.c.record, [r for r in records_of if r in off], {"listing": listing})


def forget_items(conn: Connection, items: Sequence[int], now: Millis, *, ended: bool = False) -> None:
    """Take back what these items told, before it is told anew. Ties are ended and not forgotten: somebody worked
    there until today. Whom it was told of is judged again, whether it is told of them anew or not."""
    if not items:
        return
    for column in (t.touchpoint.c.item, t.feedback.c.item, t.tie.c.item, t.deal_party.c.deal):
        _concerns(conn, (row[0] for row in bulk.select_in(conn, [column.table.c.record], column, items)))
    if ended:
        listed = bulk.select_in(conn, [t.listed.c.record], t.listed.c.listing, items)
        _concerns(conn, (record for (record,) in listed))
    for column in (t.touchpoint.c.item, t.feedback.c.item):
        bulk.delete_in(conn, column, items)
    standing = bulk.select_in(
        conn, [t.tie.c.organization, t.tie.c.record, t.tie.c.label, t.tie.c.until], t.tie.c.item, items
    )
    rows = [(*row[:3], False, 0, now, now) for row in standing if row[3] is None]
    bulk.upsert(conn, t.tie, _TIE, rows, _TIE[:3], ("until",))
    if ended:
        for column in (t.deal.c.id, t.deal_party.c.deal, t.listing.c.id, t.listed.c.listing):
            bulk.delete_in(conn, column, items)
        forget_companies(conn, items)


def _concerns(conn: Connection, records_of: Iterable[int]) -> None:
    """What is known of these records' people changed."""
    records.mark(conn, sorted(set(records_of) - {0}), MARK_FOLD)


def _people(conn: Connection, connection: str, told: Told) -> dict[str, int]:
    """The records of this connection that facts name, by remote id or address."""
    named = {who for _, facts in told for who in facts.people()}
    addresses = {who: canonical(Kind.EMAIL, who) for who in named if "@" in who}
    where = {"connection": connection}
    ids = [who for who in named if who not in addresses]
    rows = bulk.select_in(conn, [t.record.c.remote_id, t.record.c.id], t.record.c.remote_id, ids, where)
    found: dict[str, int] = dict(rows)
    wanted = {value for value in addresses.values() if value is not None}
    by_value = _holders(conn, connection, wanted)
    found |= {who: by_value[value] for who, value in addresses.items() if value in by_value}
    return found


def _holders(conn: Connection, connection: str, values: Iterable[str]) -> dict[str, int]:
    """Which record of the connection holds an address: its present one before any that had it once."""
    columns = [t.identifier.c.value, t.identifier.c.record]
    held = bulk.select_in(conn, columns, t.identifier.c.value, sorted(values), {"kind": "email"})
    here = bulk.select_in(conn, [t.record.c.id, t.record.c.connection], t.record.c.id, [record for _, record in held])
    mine = {record for record, where in here if where == connection}
    found: dict[str, list[int]] = {}
    for value, record in sorted(held):
        if record in mine:
            found.setdefault(value, []).append(record)
    several = sorted({record for holders in found.values() if len(holders) > 1 for record in holders})
    known = records.by_id(conn, several) if several else {}

    def rank(value: str, record: int) -> tuple[bool, int]:
        shown = known[record].addresses if record in known else ()
        return value not in {canonical(Kind.EMAIL, address) for address in shown}, record

    return {value: min(holders, key=lambda record: rank(value, record)) for value, holders in found.items()}
