"""Roles that rules give to organisations: a supplier by its industry, a customer by what it bought.

A rule asks what the platforms show of an organisation and what was sold to it. All organisations are judged whenever
something was read beside people: there are few of them beside people. Spells are kept as those of people are, under
the company that the organisation is known by, and lead from there to whatever it is part of today.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from mapping.facts import DealState
from mapping.model import Millis, Value
from mapping.organizations import merged
from mapping.rules import Bought, Moment, Rule, conditions
from sync.organizations import work_out
from sync.segment import is_member
from sync.segment_subject import Sale, Subject
from sync.store import schema as t
from sync.store.database import Database
from sync.store.schema_roles import STANDS

_PREFIX = "o_"
"""How the ids of organisations begin, and of nobody else."""


class _Company(NamedTuple):
    """A company of an organisation, and what its platform shows of it."""

    id: str
    whole: str
    told: Mapping[str, Value]


def judge_organizations(database: Database, rules: Mapping[str, Rule], moment: Moment, revision: int) -> int:
    """Begin and end the roles that *rules* give, by role, and work out whom that concerns; returns how many moved."""
    with database.write() as conn:
        standing = _standing(conn)
        if not rules and not standing:
            return 0
        companies = _companies(conn)
        holds = _holds(conn, rules, companies, moment)
        moved: set[str] = set()
        owner = {one.id: one.whole for one in companies}
        for role in sorted({*rules, *standing}):
            had: defaultdict[str, list[str]] = defaultdict(list)
            for kept in standing.get(role, ()):
                if kept in owner:
                    had[owner[kept]].append(kept)
            moved |= _move(conn, role, had, holds.get(role, set()), moment.now)
        for part in _parts(moved):
            conn.execute(update(t.organization).where(t.organization.c.whole.in_(part)).values(stale=True))
    if moved:
        work_out(database, revision)
    return len(moved)


def _parts(ids: Iterable[str], size: int = 500) -> Iterator[list[str]]:
    ordered = sorted(ids)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


def _standing(conn: Connection) -> dict[str, list[str]]:
    """Under which companies a role stands by a rule, by role."""
    c = t.role_spell.c
    found: defaultdict[str, list[str]] = defaultdict(list)
    rows = conn.execute(select(c.role, c.person).where(STANDS, c.person.startswith(_PREFIX, autoescape=True)))
    for role, company in rows:
        found[role].append(company)
    return found


def _companies(conn: Connection) -> list[_Company]:
    """Every company, the one that names its organisation before the others of it."""
    o = t.organization.c
    rows = conn.execute(select(o.id, o.whole, o.told, o.first))
    found = [(_Company(id_, whole or id_, json.loads(told)), first) for id_, whole, told, first in rows]
    found.sort(key=lambda one: (one[0].whole, one[0].id != one[0].whole, one[1], one[0].id))
    return [company for company, _ in found]


def _holds(
    conn: Connection, rules: Mapping[str, Rule], companies: Iterable[_Company], moment: Moment
) -> dict[str, set[str]]:
    """The organisations for which each rule holds, by role."""
    told: defaultdict[str, list[Mapping[str, Value]]] = defaultdict(list)
    for one in companies:
        told[one.whole].append(one.told)
    sold = _sales(conn) if any(isinstance(one, Bought) for rule in rules.values() for one in conditions(rule)) else {}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for whole, shown in told.items():
        subject = Subject(whole, merged(shown), sales=sold.get(whole, ()))
        for role, rule in rules.items():
            if is_member(rule, subject, moment, {}):
                found[role].add(whole)
    return found


def _sales(conn: Connection) -> dict[str, list[Sale]]:
    """What was sold to each organisation."""
    o, p, d = t.organization.c, t.deal_party.c, t.deal.c
    source = t.deal_party.join(t.organization, o.id == p.organization).join(t.deal, d.id == p.deal)
    query = select(o.whole, d.id, d.closed, d.amount, d.currency).select_from(source)
    found: defaultdict[str, list[Sale]] = defaultdict(list)
    for whole, _, closed, amount, currency in conn.execute(query.where(d.state == DealState.WON.value).distinct()):
        found[whole].append(Sale(closed, amount, currency))
    return found


def _move(conn: Connection, role: str, had: Mapping[str, list[str]], have: Collection[str], now: Millis) -> set[str]:
    """Begin and end one role; returns whose it was or is."""
    came, gone = {one for one in have if one not in had}, {one for one in had if one not in have}
    c = t.role_spell.c
    for part in _parts(came):
        conn.execute(delete(t.role_spell).where(c.person.in_(part), c.role == role, c.since == now))
        conn.execute(insert(t.role_spell), [{"person": one, "role": role, "since": now} for one in part])
    for part in _parts(kept for one in gone for kept in had[one]):
        conn.execute(update(t.role_spell).where(STANDS, c.role == role, c.person.in_(part)).values(until=now))
    return came | gone
