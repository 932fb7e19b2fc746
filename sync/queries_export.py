"""What the store knows, as tables for others: rows in batches from one moment of the store, in flat memory.

Says what the columns are called and mean, and reads them. How they are written into files is left to
`regulars.export_files`. Column names are a promise: they are documented in docs/export.md, and new ones come last.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from sqlalchemy import Connection, Table, select

from mapping.consent import standing
from mapping.decisions import DecisionKind
from mapping.model import RecordState, Value
from mapping.survivorship import IDENTIFIERS
from mapping.values import Kind
from sync.queries_export_base import NOBODY, TYPES, Export, Heading, Row, Type, count_of, holders, pages
from sync.queries_export_companies import DEALS, deals, organizations_table
from sync.queries_facts import campaign_titles
from sync.store import bulk, records
from sync.store import schema as t


class What(StrEnum):
    """What can be exported as a table."""

    PEOPLE = "people"
    TOUCHPOINTS = "touchpoints"
    CONSENT = "consent"
    SEGMENTS = "segments"
    ORGANIZATIONS = "organizations"
    DEALS = "deals"


def export(what: What, kinds: Mapping[str, Kind], organization: Mapping[str, Kind] | None = None) -> Export:
    """One of the tables. *kinds* are the fields of people in the order in which they are to stand, *organization* those
    of a business's own of organisations."""
    if what is What.PEOPLE:
        return _people_table(kinds)
    if what is What.ORGANIZATIONS:
        return organizations_table(organization or {})
    headings, table, batches = _TABLES[what]
    return Export(headings, lambda conn: count_of(conn, table), batches)


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
            found.append((name, part, Heading(title, TYPES.get(kind, Type.TEXT))))
    return tuple(found)


def _people_table(kinds: Mapping[str, Kind]) -> Export:
    own = field_headings(kinds)
    headings = (*PEOPLE, *(heading for _, _, heading in own))
    parts = tuple((name, part) for name, part, _ in own)
    return Export(headings, lambda conn: count_of(conn, t.person), lambda conn: _people(conn, parts))


def _people(conn: Connection, parts: Sequence[tuple[str, str]]) -> Iterator[list[Row]]:
    p = t.person.c
    for rows in pages(conn, select(p.id, p.name, p.email, p.records, p.fields), (p.id,)):
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
    for rows in pages(conn, query, (p.record, p.at, p.kind, p.key)):
        held = holders(conn, {row.record for row in rows})
        emails = _addresses(conn, {person for person, _, _ in held.values() if person})
        titles = campaign_titles(conn, {row.campaign for row in rows if row.campaign})
        batch = []
        for row in rows:
            person, connection, remote_id = held.get(row.record, NOBODY)
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
    for rows in pages(conn, query, (c.id,)):
        held = holders(conn, {row.record for row in rows if row.record})
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
    held = holders(conn, {record for _, record in rows})
    people: dict[str, set[str]] = defaultdict(set)
    for address, record in rows:
        people[address].add(held.get(record, NOBODY)[0])
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
    for rows in pages(conn, select(m.segment, m.person, m.since), (m.segment, m.person)):
        p = t.person.c
        known = {row[0]: row[1:] for row in bulk.select_in(conn, (p.id, p.name, p.email), p.id, [r[1] for r in rows])}
        yield [(row.segment, row.person, *known.get(row.person, ("", "")), row.since) for row in rows]


_TABLES: Mapping[What, tuple[tuple[Heading, ...], Table, Callable[[Connection], Iterator[list[Row]]]]] = {
    What.TOUCHPOINTS: (TOUCHPOINTS, t.touchpoint, _touchpoints),
    What.CONSENT: (CONSENT, t.consent, _consent),
    What.SEGMENTS: (SEGMENTS, t.member, _segments),
    What.DEALS: (DEALS, t.deal, deals),
}
