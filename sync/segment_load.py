"""People out of the store as `sync.segment` judges them: everything that rules may ask, a few statements for many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from mapping.facts import DealState
from sync.segment import On, Relation, Sale, Score, Subject, Touching
from sync.store import bulk
from sync.store import schema as t
from sync.store.records import load_consent

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_One = TypeVar("_One")


def document(text: str) -> dict[str, Any]:
    """A person's values as rules see them: on both databases without the character that one of them cannot keep."""
    return _decode(text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text)


def load_subjects(conn: Connection, people: Sequence[str]) -> dict[str, Subject]:
    """Everything known of these people, by id; who is nobody is left out."""
    p, r = t.person.c, t.record.c
    found = {
        id_: Subject(id_, document(fields)) for id_, fields in bulk.select_in(conn, [p.id, p.fields], p.id, people)
    }
    if not found:
        return found
    owner: dict[int, str] = dict(bulk.select_in(conn, [r.id, r.person], r.person, list(found)))
    records = sorted(owner)
    _relations(conn, found)
    _consent(conn, found, owner, records)
    c = t.touchpoint.c
    rows = bulk.select_in(conn, [c.record, c.at, c.kind, c.channel, c.way, c.by], c.record, records)
    for person, touches in _by_person(rows, owner, lambda row: Touching(*row[1:])).items():
        found[person].touches = touches
    f = t.feedback.c
    rows = bulk.select_in(conn, [f.record, f.at, f.kind, f.score], f.record, records)
    for person, scores in _by_person(rows, owner, lambda row: Score(*row[1:])).items():
        found[person].scores = scores
    _sales(conn, found, owner, records)
    _lists(conn, found, owner, records)
    _organizations(conn, found, owner, records)
    return found


def _by_person(
    rows: Sequence[bulk.Row], owner: dict[int, str], make: Callable[[bulk.Row], _One]
) -> dict[str, list[_One]]:
    grouped: defaultdict[str, list[_One]] = defaultdict(list)
    for row in rows:
        grouped[owner[row[0]]].append(make(row))
    return grouped


def _relations(conn: Connection, found: dict[str, Subject]) -> None:
    r = t.relationship.c
    grouped: defaultdict[str, list[Relation]] = defaultdict(list)
    for person, role, stage, since, until in bulk.select_in(
        conn, [r.person, r.role, r.stage, r.since, r.until], r.person, list(found)
    ):
        if until is None:
            grouped[person].append(Relation(role, stage, since))
    for person, relations in grouped.items():
        found[person].relations = relations


def _consent(conn: Connection, found: dict[str, Subject], owner: dict[int, str], records: list[int]) -> None:
    i = t.identifier.c
    addresses: defaultdict[str, set[str]] = defaultdict(set)
    for record, kind, value in bulk.select_in(conn, [i.record, i.kind, i.value], i.record, records):
        if kind == "email":
            addresses[owner[record]].add(value)
    facts = load_consent(conn, {address for known in addresses.values() for address in known})
    for person, known in addresses.items():
        found[person].consent = [fact for address in sorted(known) for fact in facts.get(address, ())]


def _sales(conn: Connection, found: dict[str, Subject], owner: dict[int, str], records: list[int]) -> None:
    d, party = t.deal.c, t.deal_party.c
    shares = {
        (owner[record], deal)
        for record, deal in bulk.select_in(conn, [party.record, party.deal], party.record, records)
    }
    if not shares:
        return
    columns = [d.id, d.state, d.closed, d.amount, d.currency, d.title]
    deals = {
        row[0]: Sale(*row[2:])
        for row in bulk.select_in(conn, columns, d.id, sorted({deal for _, deal in shares}))
        if row[1] == DealState.WON.value
    }
    grouped: defaultdict[str, list[Sale]] = defaultdict(list)
    for person, deal in sorted(shares):
        if deal in deals:
            grouped[person].append(deals[deal])
    for person, sales in grouped.items():
        found[person].sales = sales


def _lists(conn: Connection, found: dict[str, Subject], owner: dict[int, str], records: list[int]) -> None:
    on, g = t.listed.c, t.listing.c
    rows = bulk.select_in(conn, [on.record, on.listing], on.record, records)
    if not rows:
        return
    ids = sorted({listing for _, listing in rows})
    titles = {row[0]: On(*row[1:]) for row in bulk.select_in(conn, [g.id, g.title, g.connection], g.id, ids)}
    known = [row for row in rows if row[1] in titles]
    for person, lists in _by_person(known, owner, lambda row: titles[row[1]]).items():
        found[person].lists = lists


def _organizations(conn: Connection, found: dict[str, Subject], owner: dict[int, str], records: list[int]) -> None:
    tie, o = t.tie.c, t.organization.c
    found_ties = bulk.select_in(conn, [tie.record, tie.organization, tie.until], tie.record, records)
    rows = [row for row in found_ties if row[2] is None]
    if not rows:
        return
    ids = sorted({row[1] for row in rows})
    known = {
        id_: {**document(fields), "name": name, "domain": domain}
        for id_, name, domain, fields in bulk.select_in(conn, [o.id, o.name, o.domain, o.fields], o.id, ids)
    }
    stands = [row for row in rows if row[1] in known]
    for person, organizations in _by_person(stands, owner, lambda row: known[row[1]]).items():
        found[person].organizations = organizations
