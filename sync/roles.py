"""Roles of people, filed: what fields, rules and people's words come to is `mapping.roles.timeline`.

Nothing here is remembered: chosen values come from the fold, what was before from the journal, spells of rules from
`role_spell`, words from the decisions. Most people have one role, from one field, and cost one row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from mapping.claims import Record
from mapping.decisions import DecisionKind
from mapping.identity import founder_id
from mapping.model import Millis, Value
from mapping.roles import ROLE, STAGE, Change, Source, Spell, past, timeline, words
from sync.store import bulk
from sync.store import schema as t
from sync.writes import Case

COLUMNS = ("person", "role", "since", "stage", "owner", "until", "source", "origin")

Folded = tuple[Case, Mapping[str, Value], Millis]
"""Somebody, their chosen values, and since when they are what they are to the business."""

_load = msgspec.json.Decoder().decode


def file_roles(conn: Connection, folded: Sequence[Folded]) -> None:
    """Write down what these people are to the business, in the place of what stood there."""
    ruled = _ruled(conn, [case for case, _, _ in folded])
    changed = _changes(conn, [record for case, _, _ in folded for record in case.records])
    rows: list[tuple[Any, ...]] = []
    for case, values, since in folded:
        spells = _chosen(case, values, since)
        if not (ruled or changed or case.decisions):  # most people: what one field says, and nothing more
            rows += [row_of(case.id, spell) for spell in spells]
            continue
        gone = [spell for record in case.records if record.id in changed for spell in _past(record, changed[record.id])]
        rules = ruled.get(case.id, ())
        said = [one for one in case.decisions if one.kind is DecisionKind.ROLE]
        if gone or rules or said:
            gone.sort(key=lambda spell: (-spell.since, spell.origin))
            spells = timeline([*spells, *gone], rules, words(said))
        rows += [row_of(case.id, spell) for spell in spells]
    people = [case.id for case, _, _ in folded]
    known = bulk.select_in(conn, [t.relationship.c.person], t.relationship.c.person, people) if people else []
    if known:
        bulk.delete_in(conn, t.relationship.c.person, people)
    bulk.insert(conn, t.relationship, COLUMNS, rows)


def row_of(party: str, spell: Spell) -> tuple[Any, ...]:
    """A spell of a person, or of an organisation, as a row of COLUMNS."""
    role, stage, since, until, source, origin, owner = spell
    return (party, role, since, stage, owner, until, source.value, origin)


def _chosen(case: Case, values: Mapping[str, Value], since: Millis) -> list[Spell]:
    """The role that the fold chose; nothing where it chose none."""
    role, stage = values.get(ROLE), values.get(STAGE)
    if not role and not stage:
        return []
    if len(case.records) == 1:
        where = case.records[0].connection
    else:
        name, value = (ROLE, role) if role else (STAGE, stage)
        shown = {record.connection for record in case.records if record.known.get(name) == value}
        where = ", ".join(sorted(shown))
    owner = str(values.get("owner") or "")
    return [Spell(str(role or ""), str(stage or ""), since, None, Source.FIELD, where, owner)]


def _changes(conn: Connection, group: Iterable[Record]) -> dict[int, list[Change]]:
    """Who changed the role or the stage of these records, and when, in that order. The time of the last change is
    that of the claim; the journal knows when we saw it."""
    edited = {one.id: one for one in group if one.claims and (ROLE in one.claims or STAGE in one.claims)}
    found: defaultdict[int, list[Change]] = defaultdict(list)
    names = ("record", "id", "at", "revision", "name", "before", "after")
    rows = bulk.select_in(conn, [t.journal.c[name] for name in names], t.journal.c.record, edited) if edited else []
    for record, _, at, revision, name, before, after in sorted(rows, key=lambda row: row[1]):
        if name in (ROLE, STAGE):
            claim = edited[record].claims.get(name)
            when = claim.at if claim is not None and claim.seen == revision else at
            found[record].append(Change(when, name, _load(before), _load(after)))
    return found


def _past(record: Record, changes: Sequence[Change]) -> list[Spell]:
    return past(record.connection, record.first_at, record.known, changes)


def _ruled(conn: Connection, cases: Iterable[Case]) -> dict[str, list[Spell]]:
    """The spells that rules gave these people, under any id that a record of theirs ever founded."""
    if not conn.execute(select(t.role_spell.c.person).limit(1)).first():
        return {}
    owner = {founder_id(one.connection, one.remote_id): case.id for case in cases for one in case.records}
    names = ("person", "role", "since", "until")
    found: defaultdict[str, list[Spell]] = defaultdict(list)
    rows = bulk.select_in(conn, [t.role_spell.c[name] for name in names], t.role_spell.c.person, owner)
    for person, role, since, until in rows:
        found[owner[person]].append(Spell(role, "", since, until, Source.RULE, role))
    return found


def spells(conn: Connection, party: str) -> list[Spell]:
    """What a person or an organisation is to the business and was, as it was filed: what stands first, then what was
    last."""
    rows = conn.execute(select(t.relationship).where(t.relationship.c.person == party))
    found = [
        Spell(row.role, row.stage, row.since, row.until, Source(row.source), row.origin, row.owner) for row in rows
    ]
    return sorted(found, key=lambda spell: (spell.until is not None, -spell.since, spell.role))
