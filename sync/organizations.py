"""Organisations over platforms: which companies are one, what it is, and what it is to the business.

A company stays the row that its platform told; `organization.whole` names the organisation that it belongs to, which
has the id of its oldest company, and `organization.fields` what is known of the whole. Both are worked out from what
companies say and people decided, for those that changed and whatever hangs together with them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, func, select, update

from mapping.decisions import Decision, DecisionKind
from mapping.model import Millis, Value
from mapping.organizations import LARGEST, Company, host, merged, own_domain, whole
from mapping.roles import ROLE, STAGE, Change, Source, Spell, past, timeline, words
from sync.roles import COLUMNS, row_of
from sync.store import bulk, records
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema import MARK_FOLD, OF_ONE, STALE

_BATCH = 500
_load = msgspec.json.Decoder().decode

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    """A company as the store has it."""

    company: Company
    told: Mapping[str, Value]
    fields: str
    whole: str
    since: Millis


def work_out(database: Database, revision: int) -> int:
    """Work out every organisation with a company that changed; returns how many companies were looked at."""
    done = 0
    with database.write() as conn:
        conn.execute(update(t.organization).where(STALE, t.organization.c.first == 0).values(first=revision))
    while True:
        with database.write() as conn:
            ids = conn.execute(select(t.organization.c.id).where(STALE).order_by(t.organization.c.id).limit(_BATCH))
            batch = list(ids.scalars())
            if not batch:
                return done
            decisions = load_decisions(conn)
            same, apart = _pairs(decisions)
            rows = _neighbourhood(conn, batch, [*same, *apart])
            groups = whole([row.company for row in rows.values()], same, apart)
            _file(conn, rows, groups, decisions)
            done += len(batch)


def work_out_all(database: Database, revision: int) -> int:
    """Work out every organisation again; returns how many companies there are."""
    with database.write() as conn:
        conn.execute(update(t.organization).values(stale=True))
    return work_out(database, revision)


# ---- which are one -------------------------------------------------------------------------------------------------


def load_decisions(conn: Connection) -> list[Decision]:
    """What people said of organisations, in the order in which they said it. There are few."""
    d = t.decision.c
    query = select(d.id, d.kind, d.organization, d.name, d.value, d.at, d.revision)
    rows = conn.execute(query.where(OF_ONE, d.lifted.is_(False)).order_by(d.id))
    return [
        Decision(DecisionKind(kind), 0, at, revision, name, _load(value), id=identity, organization=organization)
        for identity, kind, organization, name, value, at, revision in rows
    ]


def _pairs(decisions: Iterable[Decision]) -> tuple[list[Pair], list[Pair]]:
    """Who people said are the same, and who are not; the last word on a pair counts."""
    last: dict[Pair, DecisionKind] = {}
    for one in decisions:
        if one.kind in (DecisionKind.SAME, DecisionKind.NOT_SAME):
            left, right = sorted((one.organization, str(one.value)))
            last[left, right] = one.kind
    same = [pair for pair, kind in last.items() if kind is DecisionKind.SAME]
    return same, [pair for pair, kind in last.items() if kind is DecisionKind.NOT_SAME]


_NAMES = ("id", "connection", "remote_id", "first", "domain", "key", "told", "fields", "whole", "since")


def _neighbourhood(conn: Connection, batch: Sequence[str], spoken: Sequence[Pair]) -> dict[str, _Row]:
    """These companies and whatever hangs together with them: by a value, by a word, by what they were until now."""
    o = t.organization.c
    beside: defaultdict[str, set[str]] = defaultdict(set)
    for left, right in spoken:
        beside[left].add(right)
        beside[right].add(left)
    rows: dict[str, _Row] = {}
    asked: set[tuple[str, str]] = set()
    frontier = set(batch)
    while frontier:
        fresh = _rows(conn, frontier)
        rows |= fresh
        wanted: dict[str, set[str]] = {"domain": set(), "key": set(), "whole": set()}
        for row in fresh.values():
            wanted["domain"].add(own_domain(row.company.domain))
            wanted["key"].add(row.company.key)
            wanted["whole"] |= {row.whole, row.company.id}
        frontier = {other for row in fresh for other in beside.get(row, ())}
        for name, values in wanted.items():
            new = sorted(value for value in values if value and (name, value) not in asked)
            asked |= {(name, value) for value in new}
            held: defaultdict[str, list[str]] = defaultdict(list)
            for value, identity in bulk.select_in(conn, [o[name], o.id], o[name], new):
                held[value].append(identity)
            for group in held.values():
                if len(group) <= LARGEST or name == "whole":
                    frontier.update(group)
        frontier -= rows.keys()
    return rows


def _rows(conn: Connection, ids: Collection[str]) -> dict[str, _Row]:
    o = t.organization.c
    found = bulk.select_in(conn, [o[name] for name in _NAMES], o.id, sorted(ids))
    return {row[0]: _Row(Company(*row[:6]), json.loads(row[6]), *row[7:]) for row in found}


# ---- what each is --------------------------------------------------------------------------------------------------


def _file(
    conn: Connection, rows: Mapping[str, _Row], groups: Sequence[Sequence[Company]], decisions: Sequence[Decision]
) -> None:
    changes, ruled = _changes(conn, rows), _ruled(conn, rows)
    said: defaultdict[str, list[Decision]] = defaultdict(list)
    for one in decisions:
        said[one.organization].append(one)
    updates, relations, moved = [], [], []
    for group in groups:
        members = [rows[company.id] for company in group]
        spoken = words([one for row in members for one in said.get(row.company.id, ())])
        rules = [spell for row in members for spell in ruled.get(row.company.id, ())]
        spells = timeline([spell for row in members for spell in _spells(row, changes)], rules, spoken)
        fields = {**merged(row.told for row in members), **_standing(spells)}
        text = records.dump({name: fields[name] for name in sorted(fields) if fields[name]})
        identity = group[0].id
        relations += [row_of(identity, spell) for spell in spells]
        for row in members:
            updates.append((text, identity, False, row.company.id))
            if (row.fields, row.whole or row.company.id) != (text, identity):
                moved.append(row.company.id)
    bulk.update_by(conn, t.organization, "id", ("fields", "whole", "stale"), updates)
    bulk.delete_in(conn, t.relationship.c.person, list(rows))
    bulk.insert(conn, t.relationship, COLUMNS, relations)
    ties = bulk.select_in(conn, [t.tie.c.record, t.tie.c.until], t.tie.c.organization, moved)
    records.mark(conn, sorted({record for record, until in ties if until is None}), MARK_FOLD)


def _changes(conn: Connection, ids: Iterable[str]) -> dict[str, list[Change]]:
    """Who changed the role or the stage of these companies, in that order."""
    names = ("person", "id", "at", "name", "before", "after")
    found: defaultdict[str, list[Change]] = defaultdict(list)
    rows = bulk.select_in(conn, [t.journal.c[name] for name in names], t.journal.c.person, sorted(ids))
    for identity, _, at, name, before, after in sorted(rows, key=lambda row: row[1]):
        if name in (ROLE, STAGE):
            found[identity].append(Change(at, name, _load(before), _load(after)))
    return found


def _ruled(conn: Connection, ids: Iterable[str]) -> dict[str, list[Spell]]:
    """The spells that rules gave these companies' organisations."""
    names = ("person", "role", "since", "until")
    found: defaultdict[str, list[Spell]] = defaultdict(list)
    rows = bulk.select_in(conn, [t.role_spell.c[name] for name in names], t.role_spell.c.person, sorted(ids))
    for company, role, since, until in rows:
        found[company].append(Spell(role, "", since, until, Source.RULE, role))
    return found


def _spells(row: _Row, changes: Mapping[str, Sequence[Change]]) -> list[Spell]:
    """What one platform says that it is, and said it was."""
    company, mine = row.company, changes.get(row.company.id, ())
    role, stage = str(row.told.get(ROLE) or ""), str(row.told.get(STAGE) or "")
    since = max([row.since, *(change.at for change in mine)])
    owner = str(row.told.get("owner") or "")
    now = [Spell(role, stage, since, None, Source.FIELD, company.connection, owner)] if role or stage else []
    return now + past(company.connection, row.since, row.told, mine)


def _standing(spells: Iterable[Spell]) -> dict[str, Value]:
    """The role and stage that stand now, a person's word first and a rule last: what rules about organisations ask
    for."""
    stands, order = [spell for spell in spells if spell.until is None], list(Source)
    first = min(stands, key=lambda spell: (order.index(spell.source), -spell.since, spell.role), default=None)
    return {ROLE: first.role if first else None, STAGE: first.stage if first else None}


# ---- asked for -----------------------------------------------------------------------------------------------------


def companies_of(conn: Connection, organization: str) -> list[str]:
    """The companies of an organisation, by id; nothing where there is none of this id."""
    o = t.organization.c
    return list(conn.execute(select(o.id).where(o.whole == organization).order_by(o.id)).scalars())


@dataclass(frozen=True, slots=True)
class OrganizationLine:
    """An organisation, and the companies that it is: (connection, remote id)."""

    id: str
    name: str
    domain: str
    companies: tuple[Pair, ...]


def lines(conn: Connection, ids: Iterable[str]) -> dict[str, OrganizationLine]:
    """Organisations by the id of any of their companies. Their name is that of the oldest."""
    o = t.organization.c
    wholes: dict[str, str] = dict(bulk.select_in(conn, [o.id, o.whole], o.id, sorted(set(ids))))
    names = ("whole", "id", "connection", "remote_id", "name", "domain")
    groups: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    columns, alone = [o[name] for name in names], sorted(one for one, whole_id in wholes.items() if not whole_id)
    rows = bulk.select_in(conn, columns, o.whole, sorted({whole_id for whole_id in wholes.values() if whole_id}))
    rows += bulk.select_in(conn, columns, o.id, alone)
    for whole_id, identity, connection, remote_id, name, domain in rows:
        groups[whole_id or identity].append((connection, remote_id, name, domain, identity))
    found = {}
    for whole_id, group in groups.items():
        group.sort(key=lambda row: (row[4] != whole_id, row))
        name, domain = (next((row[place] for row in group if row[place]), "") for place in (2, 3))
        companies = tuple(sorted((row[0], row[1]) for row in group))
        found[whole_id] = OrganizationLine(whole_id, name, domain, companies)
    return {identity: found[whole_id or identity] for identity, whole_id in wholes.items()}


def find(conn: Connection, word: str, limit: int = 20) -> list[OrganizationLine]:
    """The organisations that *word* may mean: an id, a domain, or a name. More than one is ambiguous."""
    o, word = t.organization.c, word.strip()
    exact = (o.id == word, o.domain == host(word), func.lower(o.name) == word.lower())
    for condition in (*exact, o.name.icontains(word, autoescape=True)) if word else ():
        ids = list(conn.execute(select(o.id).where(condition).order_by(o.id).limit(limit)).scalars())
        if ids:
            return list({line.id: line for line in lines(conn, ids).values()}.values())
    return []


def names(conn: Connection, limit: int = 10_000) -> list[str]:
    """What organisations are called, some of them perhaps alike."""
    o = t.organization.c
    return list(conn.execute(select(o.name).where(o.name != "").order_by(o.name).limit(limit)).scalars())
