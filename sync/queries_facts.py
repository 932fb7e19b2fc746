"""What the fact tables know of people: where they belong, what happened last, what they bought and said, which lists
and segments they are in. Plain SELECTs that change nothing, for any number of people at once.

Facts hang on records. Whose they are follows from who holds the record today.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, func, select

from mapping.facts import DealState
from mapping.model import Millis, Value
from mapping.roles import Spell
from sync.organizations import lines
from sync.roles import spells
from sync.store import bulk
from sync.store import schema as t

LATEST = 10
"""How many touchpoints are given of one person: the last."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Belonging:
    """An organisation that somebody belongs to. `until` is None while it stands; `connection` names the platforms
    that know it; `roles` is what it is to the business and was, `fields` what is known of it beside."""

    organization: str
    name: str
    domain: str
    label: str
    main: bool
    connection: str
    since: Millis
    until: Millis | None
    roles: tuple[Spell, ...] = ()
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Touched:
    """One interaction. `campaign` is its title, or its id where the title is not known."""

    at: Millis
    kind: str
    channel: str
    way: str
    by: str
    campaign: str
    detail: str
    sentiment: float | None
    connection: str


@dataclass(frozen=True, slots=True)
class DealLine:
    """A deal or an order; `amount` in the currency's smallest unit."""

    title: str
    state: str
    stage: str
    amount: int
    currency: str
    opened: Millis
    closed: Millis
    connection: str
    remote_id: str


@dataclass(frozen=True, slots=True)
class Said:
    """One piece of feedback."""

    kind: str
    score: float
    at: Millis
    comment: str
    connection: str


@dataclass(frozen=True, slots=True)
class OnList:
    """A list of a platform that somebody is on."""

    title: str
    kind: str
    connection: str
    remote_id: str
    since: Millis


@dataclass(frozen=True, slots=True)
class InSegment:
    """A segment that somebody is in."""

    segment: str
    since: Millis


@dataclass(slots=True)
class PersonFacts:
    """Everything that the fact tables say of one person, the latest first."""

    organizations: list[Belonging] = field(default_factory=list)
    touchpoints: list[Touched] = field(default_factory=list)
    deals: list[DealLine] = field(default_factory=list)
    feedback: list[Said] = field(default_factory=list)
    lists: list[OnList] = field(default_factory=list)
    segments: list[InSegment] = field(default_factory=list)

    def sums(self) -> dict[str, dict[str, int]]:
        """What the deals come to, by currency and state."""
        found: dict[str, dict[str, int]] = {}
        for deal in self.deals:
            money = found.setdefault(deal.currency, dict.fromkeys((state.value for state in DealState), 0))
            money[deal.state] = money.get(deal.state, 0) + deal.amount
        return dict(sorted(found.items()))


def people_facts(conn: Connection, people: Sequence[str], latest: int = LATEST) -> dict[str, PersonFacts]:
    """The facts of these people, by id; of touchpoints the *latest*."""
    found = {person: PersonFacts() for person in people}
    columns = (t.record.c.id, t.record.c.person, t.record.c.connection)
    held = {row[0]: (row[1], row[2]) for row in bulk.select_in(conn, columns, t.record.c.person, people)}
    if held:
        _organizations(conn, held, found)
        _touchpoints(conn, held, found, latest)
        _deals(conn, held, found)
        _feedback(conn, held, found)
        _lists(conn, held, found)
    rows = bulk.select_in(conn, (t.member.c.person, t.member.c.segment, t.member.c.since), t.member.c.person, people)
    for person, segment, since in sorted(rows, key=lambda row: row[1]):
        found[person].segments.append(InSegment(segment, since))
    return found


_Held = dict[int, tuple[str, str]]
"""Our record id → its person and its connection."""


def _organizations(conn: Connection, held: _Held, found: dict[str, PersonFacts]) -> None:
    names = ("record", "organization", "label", "main", "since", "until")
    ties = bulk.select_in(conn, [t.tie.c[name] for name in names], t.tie.c.record, held)
    known = lines(conn, {tie[1] for tie in ties})
    wholes = sorted({line.id for line in known.values()})
    roles = {whole: tuple(spells(conn, whole)) for whole in wholes}
    columns = (t.organization.c.id, t.organization.c.fields)
    documents = {one: json.loads(text) for one, text in bulk.select_in(conn, columns, t.organization.c.id, wholes)}
    seen: set[tuple[str, str, str]] = set()
    # Standing ties before past ones, main ones before others: the first of several to one organisation is shown.
    for record, organization, label, main, since, until in sorted(
        ties, key=lambda tie: (tie[5] is not None, not tie[3], tie[4], tie[1], tie[2])
    ):
        person, line = held[record][0], known.get(organization)
        if line is None or (person, line.id, label) in seen:
            continue
        seen.add((person, line.id, label))
        where = ", ".join(dict.fromkeys(connection for connection, _ in line.companies))
        fields = documents.get(line.id, {})
        belonging = Belonging(
            line.id, line.name, line.domain, label, bool(main), where, since, until, roles[line.id], fields
        )
        found[person].organizations.append(belonging)


def _touchpoints(conn: Connection, held: _Held, found: dict[str, PersonFacts], latest: int) -> None:
    p = t.touchpoint.c
    names = ("record", "at", "kind", "channel", "way", "by", "campaign", "detail", "sentiment")
    rows: list[Row[Any]] = []
    for part in _parts(held):
        place = func.row_number().over(partition_by=p.record, order_by=(p.at.desc(), p.kind, p.key)).label("place")
        ranked = select(*(p[name] for name in names), p.key, place).where(p.record.in_(part)).subquery()
        rows += conn.execute(select(ranked).where(ranked.c.place <= latest)).all()
    titles = campaign_titles(conn, {row.campaign for row in rows if row.campaign})
    rows.sort(key=lambda row: (-row.at, row.kind, row.key))
    for row in rows:
        person, connection = held[row.record]
        if len(found[person].touchpoints) < latest:
            campaign = titles.get((connection, row.campaign)) or row.campaign
            found[person].touchpoints.append(
                Touched(row.at, row.kind, row.channel, row.way, row.by, campaign, row.detail, row.sentiment, connection)
            )


def campaign_titles(conn: Connection, remote_ids: Iterable[str]) -> dict[tuple[str, str], str]:
    """What campaigns are called, by connection and remote id."""
    c = t.campaign.c
    rows = bulk.select_in(conn, (c.connection, c.remote_id, c.title), c.remote_id, remote_ids)
    return {(connection, remote_id): title for connection, remote_id, title in rows}


def _deals(conn: Connection, held: _Held, found: dict[str, PersonFacts]) -> None:
    parties = bulk.select_in(conn, (t.deal_party.c.record, t.deal_party.c.deal), t.deal_party.c.record, held)
    names = ("id", "title", "state", "stage", "amount", "currency", "opened", "closed", "connection", "remote_id")
    columns = [t.deal.c[name] for name in names]
    known = {row[0]: row[1:] for row in bulk.select_in(conn, columns, t.deal.c.id, {deal for _, deal in parties})}
    theirs: dict[str, set[int]] = defaultdict(set)
    for record, deal in parties:
        theirs[held[record][0]].add(deal)  # once, though two records of theirs may be parties
    for person, deals in theirs.items():
        lines = [DealLine(*known[deal]) for deal in deals if deal in known]
        found[person].deals = sorted(
            lines, key=lambda one: (-(one.closed or one.opened), one.connection, one.remote_id)
        )


def _feedback(conn: Connection, held: _Held, found: dict[str, PersonFacts]) -> None:
    names = ("record", "kind", "score", "at", "comment", "key")
    rows = bulk.select_in(conn, [t.feedback.c[name] for name in names], t.feedback.c.record, held)
    for record, kind, score, at, comment, _ in sorted(rows, key=lambda row: (-row[3], row[5])):
        person, connection = held[record]
        found[person].feedback.append(Said(kind, score, at, comment, connection))


def _lists(conn: Connection, held: _Held, found: dict[str, PersonFacts]) -> None:
    columns = (t.listed.c.record, t.listed.c.listing, t.listed.c.since)
    rows = bulk.select_in(conn, columns, t.listed.c.record, held)
    names = ("id", "title", "kind", "connection", "remote_id")
    wanted = {row[1] for row in rows}
    known = {
        row[0]: row[1:] for row in bulk.select_in(conn, [t.listing.c[name] for name in names], t.listing.c.id, wanted)
    }
    seen: set[tuple[str, int]] = set()
    for record, listing, since in sorted(rows, key=lambda row: (row[2], row[1])):
        person = held[record][0]
        if listing in known and (person, listing) not in seen:
            seen.add((person, listing))
            title, kind, connection, remote_id = known[listing]
            found[person].lists.append(OnList(title, kind, connection, remote_id, since))
    for facts in found.values():
        facts.lists.sort(key=lambda one: (one.connection, one.title, one.remote_id))


def _parts(records: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(records)
    while part := list(islice(rest, _CHUNK)):
        yield part
