"""Organisations and deals, as tables for others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, or_, select

from mapping.money import major
from mapping.values import Kind
from sync.organizations import OrganizationLine, lines
from sync.queries_export_base import NOBODY, TYPES, Export, Heading, Row, Type, count_of, holders, pages
from sync.store import bulk
from sync.store import schema as t

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


def organizations_table(kinds: Mapping[str, Kind]) -> Export:
    """Organisations, with fields of one's own last; one that is called like a column above is called `field_NAME`."""
    taken = {heading.name for heading in ORGANIZATIONS}
    own = [
        Heading(f"field_{name}" if name in taken else name, TYPES.get(kind, Type.TEXT)) for name, kind in kinds.items()
    ]
    names = tuple(kinds)
    return Export(
        (*ORGANIZATIONS, *own),
        lambda conn: count_of(conn, t.organization, _WHOLE),
        lambda conn: _organizations(conn, names),
    )


def _organizations(conn: Connection, own: Sequence[str] = ()) -> Iterator[list[Row]]:
    o = t.organization.c
    query = select(o.id, o.name, o.domain, o.fields, o.connection, o.remote_id).where(_WHOLE)
    for rows in pages(conn, query, (o.id,)):
        columns = (t.tie.c.organization, t.tie.c.record, t.tie.c.until)
        as_lines, whole = _companies(conn, [row.id for row in rows])
        ties = [(whole[one], *tie) for one, *tie in bulk.select_in(conn, columns, t.tie.c.organization, whole)]
        held = holders(conn, {record for _, record, until in ties if until is None})
        people: dict[str, set[str]] = defaultdict(set)
        for organization, record, until in ties:
            if until is None and (person := held.get(record, NOBODY)[0]):
                people[organization].add(person)
        batch = []
        for row in rows:
            known = json.loads(row.fields)
            told = (known.get(name) for name in _OF_FIELDS)
            belong, line = sorted(people.get(row.id, ())), as_lines[row.id]
            companies = [f"{connection} {remote_id}" for connection, remote_id in line.companies]
            more = (known.get(name) for name in own)
            batch.append(
                (row.id, line.name, line.domain, *told, belong, row.connection, row.remote_id, companies, *more)
            )
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


def deals(conn: Connection) -> Iterator[list[Row]]:
    d = t.deal.c
    names = ("connection", "remote_id", "title", "state", "stage", "amount", "currency", "opened", "closed", "owner")
    for rows in pages(conn, select(d.id, *(d[name] for name in names)), (d.id,)):
        columns = (t.deal_party.c.deal, t.deal_party.c.record, t.deal_party.c.organization)
        parties = bulk.select_in(conn, columns, t.deal_party.c.deal, [row.id for row in rows])
        held = holders(conn, {record for _, record, _ in parties if record})
        people: dict[int, set[str]] = defaultdict(set)
        organizations: dict[int, set[str]] = defaultdict(set)
        for deal, record, organization in parties:
            people[deal].add(held.get(record, NOBODY)[0])
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
