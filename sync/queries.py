"""Read-only questions to the store: plain SELECTs that change nothing.

Who is who, what a person's records show, what waits for a person, what runs did. Why a value is what it is rests on
the fold itself and is answered in `sync.why`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, or_, select

from mapping.values import Kind, canonical
from sync.store import schema as t

LIKE_ESCAPE = "\\"


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One person in a list."""

    id: str
    name: str
    email: str
    records: int


@dataclass(frozen=True, slots=True)
class FindingLine:
    """Something that waits for a person, or is left as it is for a reason."""

    kind: str
    person: str
    connection: str
    record: int
    name: str
    detail: str
    who: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class WriteLine:
    """One write of the past: the plan's row, and what became of it."""

    id: int
    run: int
    connection: str
    kind: str
    record: int
    person: str
    state: str
    reason: str
    at: int
    row: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run and its balance."""

    id: int
    kind: str
    revision: int
    started: int
    ended: int | None
    plan_hash: str
    undoes: int
    balance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """A connection as the store knows it."""

    name: str
    platform: str
    account: str
    account_name: str
    pulled_at: int
    records: int
    away: int
    refused: int
    stopped: list[dict[str, Any]]


def _like(text: str) -> str:
    for sign in (LIKE_ESCAPE, "%", "_"):
        text = text.replace(sign, LIKE_ESCAPE + sign)
    return f"%{text}%"


_PERSON = (t.person.c.id, t.person.c.name, t.person.c.email, t.person.c.records)


def _lines(conn: Connection, query: Select[Any]) -> list[PersonLine]:
    return [PersonLine(*row) for row in conn.execute(query)]


def people(conn: Connection, query: str = "", limit: int = 50, offset: int = 0) -> tuple[int, list[PersonLine]]:
    """How many people match, and a page of them by name. *query* is part of a name, an address or a chosen value."""
    where = []
    for word in query.split():
        pattern = _like(word)
        columns = (t.person.c.name, t.person.c.email, t.person.c.fields)
        mailbox = select(t.record.c.person).join(t.identifier, t.identifier.c.record == t.record.c.id)
        mailbox = mailbox.where(t.identifier.c.value.ilike(pattern, escape=LIKE_ESCAPE))
        matches = (column.ilike(pattern, escape=LIKE_ESCAPE) for column in columns)
        where.append(or_(*matches, t.person.c.id.in_(mailbox)))
    total = conn.execute(select(func.count()).select_from(t.person).where(and_(True, *where))).scalar_one()
    found = select(*_PERSON).where(and_(True, *where)).order_by(t.person.c.name, t.person.c.id)
    return total, _lines(conn, found.limit(limit).offset(offset))


def find(conn: Connection, who: str, limit: int = 20) -> list[PersonLine]:
    """The people that *who* may mean: an id or former id, an address, or a name. More than one is ambiguous."""
    who = who.strip()
    for ids in (_by_id(conn, who), _by_address(conn, who)):
        if ids:
            return _lines(conn, select(*_PERSON).where(t.person.c.id.in_(ids)).order_by(t.person.c.id).limit(limit))
    exact = _lines(conn, select(*_PERSON).where(func.lower(t.person.c.name) == who.lower()).limit(limit))
    if exact or not who:
        return exact
    pattern = t.person.c.name.ilike(_like(who), escape=LIKE_ESCAPE)
    return _lines(conn, select(*_PERSON).where(pattern).order_by(t.person.c.name, t.person.c.id).limit(limit))


def _by_id(conn: Connection, who: str) -> list[str]:
    direct = conn.execute(select(t.person.c.id).where(t.person.c.id == who)).scalar()
    if direct:
        return [direct]
    query = select(t.record.c.person).where(t.record.c.founder == who, t.record.c.person.is_not(None))
    return list(dict.fromkeys(conn.execute(query).scalars()))


def _by_address(conn: Connection, who: str) -> list[str]:
    address = canonical(Kind.EMAIL, who) if "@" in who else None
    if address is None:
        return []
    query = select(t.record.c.person).join(t.identifier, t.identifier.c.record == t.record.c.id)
    query = query.where(t.identifier.c.kind == "email", t.identifier.c.value == address)
    return list(dict.fromkeys(conn.execute(query.where(t.record.c.person.is_not(None))).scalars()))


def aliases(conn: Connection, person: str) -> list[str]:
    """The ids under which this person was or would be known: those that their records would found."""
    query = select(t.record.c.founder).where(t.record.c.person == person, t.record.c.founder != person)
    return sorted(set(conn.execute(query).scalars()))


def identifiers(conn: Connection, records: Sequence[int]) -> list[tuple[str, str, int]]:
    """The (kind, value, record) by which these records may be linked."""
    query = select(t.identifier.c.kind, t.identifier.c.value, t.identifier.c.record)
    query = query.where(t.identifier.c.record.in_(records))
    return [(kind, value, record) for kind, value, record in conn.execute(query.order_by(*query.selected_columns))]


def findings(
    conn: Connection, *, kinds: Iterable[str] = (), person: str = "", name: str = "", limit: int = 1000
) -> list[FindingLine]:
    """What waits for a person or is left as it is, by kind, person or field."""
    f = t.finding.c
    query = select(f.kind, f.person, f.connection, f.record, f.name, f.detail, t.person.c.name, t.person.c.email)
    query = query.select_from(t.finding.outerjoin(t.person, t.person.c.id == f.person))
    if kinds:
        query = query.where(f.kind.in_(list(kinds)))
    if person:
        query = query.where(f.person == person)
    if name:
        query = query.where(f.name == name)
    rows = conn.execute(query.order_by(f.kind, f.name, t.person.c.name, f.id).limit(limit))
    return [FindingLine(*row[:6], row[6] or "", row[7] or "") for row in rows]


def finding_counts(conn: Connection) -> list[tuple[str, str, int]]:
    """How many findings there are per (kind, field)."""
    f = t.finding.c
    query = select(f.kind, f.name, func.count()).group_by(f.kind, f.name).order_by(f.kind, func.count().desc(), f.name)
    return [(kind, name, count) for kind, name, count in conn.execute(query)]


def writes(conn: Connection, *, run: int = 0, person: str = "", limit: int = 100) -> list[WriteLine]:
    """Writes of the past, newest first."""
    w = t.write.c
    query = select(w.id, w.run, w.connection, w.kind, w.record, w.person, w.state, w.reason, w.at, w.row)
    if run:
        query = query.where(w.run == run)
    if person:
        # A write keeps the id that the person had then: look by their records too.
        records = select(t.record.c.id).where(t.record.c.person == person)
        query = query.where(or_(w.person == person, and_(w.record != 0, w.record.in_(records))))
    rows = conn.execute(query.order_by(w.id.desc()).limit(limit))
    return [WriteLine(*row[:9], row=json.loads(row[9])) for row in rows]


def runs(conn: Connection, limit: int = 20) -> list[RunLine]:
    """The last runs, newest first."""
    return [_run(row) for row in conn.execute(select(t.run).order_by(t.run.c.id.desc()).limit(limit))]


def run(conn: Connection, number: int) -> RunLine | None:
    """One run."""
    row = conn.execute(select(t.run).where(t.run.c.id == number)).first()
    return None if row is None else _run(row)


def _run(row: Row[Any]) -> RunLine:
    return RunLine(
        row.id, row.kind, row.revision, row.started, row.ended, row.plan_hash, row.undoes, json.loads(row.balance)
    )


def journal(conn: Connection, person: str, name: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """What changed about a person's records, newest first."""
    j = t.journal.c
    records = select(t.record.c.id).where(t.record.c.person == person)
    query = select(t.journal).where(or_(j.person == person, and_(j.record != 0, j.record.in_(records))))
    if name:
        query = query.where(j.name == name)
    rows = conn.execute(query.order_by(j.id.desc()).limit(limit)).mappings()
    return [{**row, "before": json.loads(row["before"]), "after": json.loads(row["after"])} for row in rows]


def connections(conn: Connection) -> list[ConnectionLine]:
    """Every connection that the store has seen."""
    r = t.record.c
    live = dict(_pairs(conn, select(r.connection, func.count()).where(r.state == "live").group_by(r.connection)))
    away = dict(_pairs(conn, select(r.connection, func.count()).where(r.state != "live").group_by(r.connection)))
    refused = select(t.refusal.c.connection, func.count()).group_by(t.refusal.c.connection)
    bad = dict(_pairs(conn, refused))
    return [
        ConnectionLine(
            row.name,
            row.platform,
            row.account,
            row.account_name,
            row.pulled_at,
            live.get(row.name, 0),
            away.get(row.name, 0),
            bad.get(row.name, 0),
            json.loads(row.stopped) if row.stopped else [],
        )
        for row in conn.execute(select(t.connection).order_by(t.connection.c.name))
    ]


def _pairs(conn: Connection, query: Select[Any]) -> list[tuple[str, int]]:
    return [(key, count) for key, count in conn.execute(query)]


def refusals(conn: Connection, connection: str = "", limit: int = 100) -> list[tuple[str, str, str]]:
    """Records that could not be read: (connection, remote id, reason)."""
    f = t.refusal.c
    query = select(f.connection, f.remote_id, f.reason)
    if connection:
        query = query.where(f.connection == connection)
    return [tuple(row) for row in conn.execute(query.order_by(f.connection, f.remote_id).limit(limit))]


@dataclass(frozen=True, slots=True)
class Status:
    """The business at a glance."""

    people: int
    records: int
    unresolved: int
    maybe_sent: int
    findings: dict[str, int]
    last_run: RunLine | None


def status(conn: Connection) -> Status:
    """Counts over the whole store."""
    kinds = select(t.finding.c.kind, func.count()).group_by(t.finding.c.kind)
    last = runs(conn, 1)
    return Status(
        conn.execute(select(func.count()).select_from(t.person)).scalar_one(),
        conn.execute(select(func.count()).select_from(t.record)).scalar_one(),
        conn.execute(select(func.count()).select_from(t.record).where(t.MARKED)).scalar_one(),
        conn.execute(select(func.count()).select_from(t.write).where(t.write.c.state == "intended")).scalar_one(),
        dict(sorted(_pairs(conn, kinds))),
        last[0] if last else None,
    )


def holders(conn: Connection, records: Sequence[int]) -> dict[int, PersonLine]:
    """The person of each of these records, by record."""
    query = select(t.record.c.id, *_PERSON).join(t.person, t.person.c.id == t.record.c.person)
    found = conn.execute(query.where(t.record.c.id.in_(records)))
    return {row[0]: PersonLine(*row[1:]) for row in found}


def names(conn: Connection, ids: Iterable[str]) -> dict[str, PersonLine]:
    """The people with these ids, by id."""
    found: dict[str, PersonLine] = {}
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), 500):
        query = select(*_PERSON).where(t.person.c.id.in_(wanted[start : start + 500]))
        found.update({line.id: line for line in _lines(conn, query)})
    return found
