"""What the store knows, as tables for others: rows in batches from one moment of the store, in flat memory.

Says what the columns are called and mean, and reads them. How they are written into files is left to
`regulars.export_files`. Column names are a promise: they are documented in docs/export.md, and new ones come last.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, func, or_, select, tuple_

from mapping.consent import standing
from mapping.decisions import DecisionKind
from mapping.model import RecordState, Value
from mapping.money import major
from mapping.survivorship import IDENTIFIERS
from mapping.values import Kind
from sync.organizations import OrganizationLine, lines
from sync.queries_facts import campaign_titles
from sync.store import bulk, records
from sync.store import schema as t

BATCH = 2_000


class Type(StrEnum):
    """What a column holds. Any of them may be blank (None)."""

    TEXT = "text"
    LIST = "list"  # of texts
    NUMBER = "number"
    COUNT = "count"  # a whole number
    MONEY = "money"  # an exact decimal
    FLAG = "flag"
    TIME = "time"  # milliseconds since 1970 UTC


class Heading(NamedTuple):
    """One column: its name and what it holds."""

    name: str
    type: Type = Type.TEXT


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """A table for others."""

    headings: tuple[Heading, ...]
    count: Callable[[Connection], int]
    batches: Callable[[Connection], Iterator[list[Row]]]


class What(StrEnum):
    """What can be exported as a table."""

    PEOPLE = "people"
    TOUCHPOINTS = "touchpoints"
    CONSENT = "consent"
    SEGMENTS = "segments"
    ORGANIZATIONS = "organizations"
    DEALS = "deals"


def export(what: What, kinds: Mapping[str, Kind]) -> Export:
    """One of the tables. *kinds* are the fields of people, in the order in which they are to stand."""
    if what is What.PEOPLE:
        return _people_table(kinds)
    headings, table, batches = _TABLES[what]
    only = [_WHOLE] if what is What.ORGANIZATIONS else []
    return Export(headings, lambda conn: _count(conn, table, *only), batches)


def _count(conn: Connection, table: Table, *only: ColumnElement[bool]) -> int:
    return int(conn.execute(select(func.count()).select_from(table).where(*only)).scalar_one())


def _pages(conn: Connection, query: Select[Any], key: Sequence[ColumnElement[Any]]) -> Iterator[list[Any]]:
    """The rows of *query* by *key*, which stands first in it, a batch at a time."""
    width, last = len(key), None
    while True:
        page = query
        if last is not None:
            page = page.where(key[0] > last[0] if width == 1 else tuple_(*key) > tuple_(*last))
        rows: list[Any] = list(conn.execute(page.order_by(*key).limit(BATCH)))
        if rows:
            last = tuple(rows[-1][:width])
            yield rows
        if len(rows) < BATCH:
            return


def _holders(conn: Connection, record_ids: Iterable[int]) -> dict[int, Row]:
    """Our record id → (person, connection, remote id)."""
    columns = [t.record.c[name] for name in ("id", "person", "connection", "remote_id")]
    return {row[0]: (row[1] or "", *row[2:]) for row in bulk.select_in(conn, columns, t.record.c.id, record_ids)}


_NOBODY = ("", "", "")


def _addresses(conn: Connection, people: Iterable[str]) -> dict[str, str]:
    """The address under which each of these people is listed."""
    return dict(bulk.select_in(conn, (t.person.c.id, t.person.c.email), t.person.c.id, people))


# ---- people --------------------------------------------------------------------------------------------------------

PEOPLE = (
    Heading("id"),
    Heading("name"),
    Heading("email"),
    Heading("email_addresses", Type.LIST),
    Heading("consent"),
    Heading("consent_at", Type.TIME),
    Heading("left_alone", Type.FLAG),
    Heading("connections", Type.LIST),
    Heading("records", Type.COUNT),
    Heading("segments", Type.LIST),
)

POSTAL = ("street", "street2", "city", "region", "postcode", "country")

_TYPES = {Kind.NUMBER: Type.NUMBER, Kind.FLAG: Type.FLAG, Kind.SET: Type.LIST}


def field_headings(kinds: Mapping[str, Kind]) -> tuple[tuple[str, str, Heading], ...]:
    """The columns of people's own fields, each with its field and the part of it: a postal address has six. A field
    whose name is taken already is called `field_NAME`."""
    taken = {heading.name for heading in PEOPLE}
    found = []
    for name, kind in kinds.items():
        if name in IDENTIFIERS:
            continue
        for part in POSTAL if kind is Kind.ADDRESS else ("",):
            title = f"{name}_{part}" if part else name
            while title in taken:
                title = f"field_{title}"
            taken.add(title)
            found.append((name, part, Heading(title, _TYPES.get(kind, Type.TEXT))))
    return tuple(found)


def _people_table(kinds: Mapping[str, Kind]) -> Export:
    own = field_headings(kinds)
    headings = (*PEOPLE, *(heading for _, _, heading in own))
    parts = tuple((name, part) for name, part, _ in own)
    return Export(headings, lambda conn: _count(conn, t.person), lambda conn: _people(conn, parts))


def _people(conn: Connection, parts: Sequence[tuple[str, str]]) -> Iterator[list[Row]]:
    p = t.person.c
    for rows in _pages(conn, select(p.id, p.name, p.email, p.records, p.fields), (p.id,)):
        ids = [row.id for row in rows]
        cases = {case.id: case for case in records.load_cases(conn, ids)}
        addresses = records.load_addresses(conn, {name: case.records for name, case in cases.items()})
        segments = _segments_of(conn, ids)
        batch = []
        for row in rows:
            case = cases.get(row.id)
            stands = standing(case.consent if case else (), records.ledger_address(row.email))
            known: dict[str, Value] = json.loads(row.fields)
            batch.append(
                (
                    row.id,
                    row.name,
                    row.email,
                    sorted(addresses.get(row.id, ())),
                    stands.state.value,
                    stands.fact.at if stands.fact else 0,
                    any(one.kind is DecisionKind.LEAVE_ALONE for one in case.decisions) if case else False,
                    sorted({r.connection for r in case.records if r.state is RecordState.LIVE}) if case else [],
                    row.records,
                    segments.get(row.id, []),
                    *[_part(known.get(name), part) if part else known.get(name) for name, part in parts],
                )
            )
        yield batch


def _part(value: Value, part: str) -> Value:
    """A part of a postal address."""
    return value.get(part) if isinstance(value, dict) else None


def _segments_of(conn: Connection, people: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    rows = bulk.select_in(conn, (t.member.c.person, t.member.c.segment), t.member.c.person, people)
    for person, segment in sorted(rows):
        found[person].append(segment)
    return found


# ---- the others ----------------------------------------------------------------------------------------------------

TOUCHPOINTS = (
    Heading("person"),
    Heading("email"),
    Heading("at", Type.TIME),
    Heading("kind"),
    Heading("channel"),
    Heading("way"),
    Heading("by"),
    Heading("campaign"),
    Heading("campaign_title"),
    Heading("detail"),
    Heading("sentiment", Type.NUMBER),
    Heading("connection"),
    Heading("remote_id"),
    Heading("key"),
)


def _touchpoints(conn: Connection) -> Iterator[list[Row]]:
    p = t.touchpoint.c
    query = select(p.record, p.at, p.kind, p.key, p.channel, p.way, p.by, p.campaign, p.detail, p.sentiment)
    for rows in _pages(conn, query, (p.record, p.at, p.kind, p.key)):
        held = _holders(conn, {row.record for row in rows})
        emails = _addresses(conn, {person for person, _, _ in held.values() if person})
        titles = campaign_titles(conn, {row.campaign for row in rows if row.campaign})
        batch = []
        for row in rows:
            person, connection, remote_id = held.get(row.record, _NOBODY)
            title = titles.get((connection, row.campaign), "")
            told = (row.at, row.kind, row.channel, row.way, row.by, row.campaign, title, row.detail, row.sentiment)
            batch.append((person, emails.get(person, ""), *told, connection, remote_id, row.key))
        yield batch


CONSENT = (
    Heading("address"),
    Heading("channel"),
    Heading("purpose"),
    Heading("state"),
    Heading("at", Type.TIME),
    Heading("explicit", Type.FLAG),
    Heading("evidence"),
    Heading("person"),
    Heading("connection"),
    Heading("remote_id"),
)


def _consent(conn: Connection) -> Iterator[list[Row]]:
    c = t.consent.c
    query = select(c.id, c.address, c.channel, c.purpose, c.state, c.at, c.explicit, c.evidence, c.record)
    for rows in _pages(conn, query, (c.id,)):
        held = _holders(conn, {row.record for row in rows if row.record})
        ours = _who_has(conn, {row.address for row in rows if row.record not in held})
        batch = []
        for row in rows:
            person, connection, remote_id = held.get(row.record, (ours.get(row.address, ""), "", ""))
            told = (row.address, row.channel, row.purpose, row.state, row.at, bool(row.explicit), row.evidence)
            batch.append((*told, person, connection, remote_id))
        yield batch


def _who_has(conn: Connection, addresses: set[str]) -> dict[str, str]:
    """The person of each of these addresses, where it is one person's."""
    columns = (t.identifier.c.value, t.identifier.c.record)
    rows = bulk.select_in(conn, columns, t.identifier.c.value, addresses, {"kind": "email"})
    held = _holders(conn, {record for _, record in rows})
    people: dict[str, set[str]] = defaultdict(set)
    for address, record in rows:
        people[address].add(held.get(record, _NOBODY)[0])
    return {address: next(iter(found)) for address, found in people.items() if len(found) == 1}


SEGMENTS = (
    Heading("segment"),
    Heading("person"),
    Heading("name"),
    Heading("email"),
    Heading("since", Type.TIME),
)


def _segments(conn: Connection) -> Iterator[list[Row]]:
    m = t.member.c
    for rows in _pages(conn, select(m.segment, m.person, m.since), (m.segment, m.person)):
        p = t.person.c
        known = {row[0]: row[1:] for row in bulk.select_in(conn, (p.id, p.name, p.email), p.id, [r[1] for r in rows])}
        yield [(row.segment, row.person, *known.get(row.person, ("", "")), row.since) for row in rows]


ORGANIZATIONS = (
    Heading("id"),
    Heading("name"),
    Heading("domain"),
    Heading("phone"),
    Heading("city"),
    Heading("country"),
    Heading("website"),
    Heading("industry"),
    Heading("employees", Type.NUMBER),
    Heading("revenue", Type.NUMBER),
    Heading("role"),
    Heading("stage"),
    Heading("owner"),
    Heading("people", Type.LIST),
    Heading("connection"),
    Heading("remote_id"),
    Heading("companies", Type.LIST),
)

_OF_FIELDS = tuple(heading.name for heading in ORGANIZATIONS[3:13])


def _organizations(conn: Connection) -> Iterator[list[Row]]:
    o = t.organization.c
    query = select(o.id, o.name, o.domain, o.fields, o.connection, o.remote_id).where(_WHOLE)
    for rows in _pages(conn, query, (o.id,)):
        columns = (t.tie.c.organization, t.tie.c.record, t.tie.c.until)
        as_lines, whole = _companies(conn, [row.id for row in rows])
        ties = [(whole[one], *tie) for one, *tie in bulk.select_in(conn, columns, t.tie.c.organization, whole)]
        held = _holders(conn, {record for _, record, until in ties if until is None})
        people: dict[str, set[str]] = defaultdict(set)
        for organization, record, until in ties:
            if until is None and (person := held.get(record, _NOBODY)[0]):
                people[organization].add(person)
        batch = []
        for row in rows:
            known = json.loads(row.fields)
            told = (known.get(name) for name in _OF_FIELDS)
            belong, line = sorted(people.get(row.id, ())), as_lines[row.id]
            companies = [f"{connection} {remote_id}" for connection, remote_id in line.companies]
            batch.append((row.id, line.name, line.domain, *told, belong, row.connection, row.remote_id, companies))
        yield batch


_WHOLE = or_(t.organization.c.whole == "", t.organization.c.whole == t.organization.c.id)
"""Of the companies that are one organisation, the one that gives it its id."""


def _companies(conn: Connection, ids: Sequence[str]) -> tuple[dict[str, OrganizationLine], dict[str, str]]:
    """These organisations as lines, and each of their companies with the organisation that it belongs to."""
    o = t.organization.c
    whole = {one: one for one in ids} | dict(bulk.select_in(conn, (o.id, o.whole), o.whole, ids))
    return lines(conn, ids), whole


DEALS = (
    Heading("connection"),
    Heading("remote_id"),
    Heading("title"),
    Heading("state"),
    Heading("stage"),
    Heading("amount", Type.MONEY),
    Heading("currency"),
    Heading("amount_minor", Type.COUNT),
    Heading("opened", Type.TIME),
    Heading("closed", Type.TIME),
    Heading("owner"),
    Heading("people", Type.LIST),
    Heading("organizations", Type.LIST),
)


def _deals(conn: Connection) -> Iterator[list[Row]]:
    d = t.deal.c
    names = ("connection", "remote_id", "title", "state", "stage", "amount", "currency", "opened", "closed", "owner")
    for rows in _pages(conn, select(d.id, *(d[name] for name in names)), (d.id,)):
        columns = (t.deal_party.c.deal, t.deal_party.c.record, t.deal_party.c.organization)
        parties = bulk.select_in(conn, columns, t.deal_party.c.deal, [row.id for row in rows])
        held = _holders(conn, {record for _, record, _ in parties if record})
        people: dict[int, set[str]] = defaultdict(set)
        organizations: dict[int, set[str]] = defaultdict(set)
        for deal, record, organization in parties:
            people[deal].add(held.get(record, _NOBODY)[0])
            organizations[deal].add(organization)
        known = lines(conn, {one for some in organizations.values() for one in some if one})
        batch = []
        for row in rows:
            money = (major(row.amount, row.currency), row.currency, row.amount)
            told = (row.connection, row.remote_id, row.title, row.state, row.stage, *money)
            who = sorted(people.get(row.id, set()) - {""})
            where = sorted({known[one].id if one in known else one for one in organizations.get(row.id, set()) - {""}})
            batch.append((*told, row.opened, row.closed, row.owner, who, where))
        yield batch


_TABLES: Mapping[What, tuple[tuple[Heading, ...], Table, Callable[[Connection], Iterator[list[Row]]]]] = {
    What.TOUCHPOINTS: (TOUCHPOINTS, t.touchpoint, _touchpoints),
    What.CONSENT: (CONSENT, t.consent, _consent),
    What.SEGMENTS: (SEGMENTS, t.member, _segments),
    What.ORGANIZATIONS: (ORGANIZATIONS, t.organization, _organizations),
    What.DEALS: (DEALS, t.deal, _deals),
}
