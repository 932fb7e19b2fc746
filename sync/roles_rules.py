"""Roles that rules give: judged before segments, which may ask for them.

A rule is that of a segment. Whoever it comes to hold for has the role from then on, and until it holds no more; both
dates are kept in `role_spell`. A role whose rule is taken out of the configuration ends. Spells follow the record
that founded a person, so that joining and splitting people takes them along.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, literal, select, update

from mapping.decisions import Policies
from mapping.model import Millis
from mapping.roles import ROLE, STAGE
from mapping.rules import Moment, Rule, by_the_day, text_of
from mapping.survivorship import fold
from sync.roles import Folded, file_roles
from sync.segment import Segment, Thresholds, is_member
from sync.segment_load import load_subjects
from sync.segment_sql import Compiler
from sync.segment_sql_turns import turns_of
from sync.segment_turns import next_turn
from sync.segment_whole import EVERYBODY, Whole, tops
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database
from sync.store.records import load_cases
from sync.store.schema_roles import STANDS
from sync.writes import Case

MANY = 20_000
"""From so many people on, asking for everybody is quicker."""

_CHUNK = 1000


def judge_roles(
    database: Database,
    rules: Mapping[str, Rule],
    policies: Policies,
    moment: Moment,
    people: Sequence[str] | None,
) -> list[str] | None:
    """Judge everybody (None), or *people* and those whose turn has come; returns whom segments are to judge: the same,
    and everybody whose roles moved. The rules are linked, by role."""
    with database.write() as conn:
        known = _known(conn)
        if not rules and not known:
            return None if people is None else list(people)
        moved = _take_out(conn, known.keys() - rules.keys(), moment.now)
        whole, few, wanted = set(rules), set[str](), list[str]()
        if people is not None:
            due = _due(conn, rules, moment.now)
            few = {
                role
                for role, rule in rules.items()
                if role in known and known[role].text == _text(rule, moment) and EVERYBODY not in due[role]
            }
            wanted = sorted({*people, *(person for role in few for person in due[role])})
            few = few if len(wanted) < MANY else set()
            whole -= few
        for role in sorted(whole):
            moved |= _judge_all(conn, role, rules[role], moment)
        for part in _parts(wanted if few else ()):
            moved |= _judge_few(conn, {role: rules[role] for role in sorted(few)}, known, part, moment)
        for part in _parts(sorted(moved)):
            file_roles(conn, [_folded(case, policies) for case in load_cases(conn, part)])
    return None if people is None else sorted({*people, *moved})


def _folded(case: Case, policies: Policies) -> Folded:
    choices = fold(case.records, case.decisions, policies).choices
    told = choices.get(STAGE) or choices.get(ROLE)
    return case, {name: choice.value for name, choice in choices.items()}, told.at if told is not None else 0


def _parts(people: Sequence[str]) -> Iterator[Sequence[str]]:
    return (people[start : start + _CHUNK] for start in range(0, len(people), _CHUNK))


# ---- what the store says of the rules ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Known:
    """A rule as it was last judged."""

    text: str
    kept: Mapping[str, int | None]

    def thresholds(self, rule: Rule) -> Thresholds:
        return {top: self.kept.get(text_of(top)) for top in tops(Segment("", "", rule))}


def _known(conn: Connection) -> dict[str, _Known]:
    c = t.role_rule.c
    return {
        role: _Known(rule, json.loads(kept)) for role, rule, kept in conn.execute(select(c.role, c.rule, c.thresholds))
    }


def _text(rule: Rule, moment: Moment) -> str:
    return f"{text_of(rule)} {moment.zone}"


def _turn(role: str) -> str:
    """Under which a role's turns stand among those of segments; no segment is called so."""
    return f"role {role}"


def _due(conn: Connection, rules: Iterable[str], now: Millis) -> defaultdict[str, set[str]]:
    c, keys = t.turn.c, {_turn(role): role for role in rules}
    due: defaultdict[str, set[str]] = defaultdict(set)
    for key, person in conn.execute(select(c.segment, c.person).where(c.at <= now, c.segment.in_(keys))):
        due[keys[key]].add(person)
    return due


def _take_out(conn: Connection, roles: Collection[str], now: Millis) -> set[str]:
    """End the roles that have no rule any more; returns whose they were."""
    moved: set[str] = set()
    for role in sorted(roles):
        moved |= _end(conn, role, conn.execute(_standing(role)).all(), now)
        conn.execute(delete(t.turn).where(t.turn.c.segment == _turn(role)))
        conn.execute(delete(t.role_rule).where(t.role_rule.c.role == role))
    return moved


# ---- spells --------------------------------------------------------------------------------------------------------


def _standing(role: str) -> Select[Any]:
    """The standing spells of a role: under which id each is kept, and whose it is today."""
    spell, record = t.role_spell.c, t.record.c
    source = t.role_spell.join(t.record, record.founder == spell.person)
    standing = select(spell.person.label("kept"), record.person.label("person")).select_from(source)
    return standing.where(STANDS, spell.role == role, record.person.is_not(None))


def _begin(conn: Connection, role: str, people: Iterable[str], now: Millis) -> set[str]:
    rows = [(person, role, now, None) for person in sorted(people)]
    bulk.upsert(conn, t.role_spell, _SPELL, rows, _SPELL[:3], _SPELL[3:])
    return {row[0] for row in rows}


_SPELL = ("person", "role", "since", "until")


def _end(conn: Connection, role: str, spells: Sequence[Sequence[Any]], now: Millis) -> set[str]:
    """End these standing spells, (kept, person) each; returns whose they are today."""
    for part in _parts(sorted({kept for kept, _ in spells})):
        c = t.role_spell.c
        conn.execute(update(t.role_spell).where(STANDS, c.role == role, c.person.in_(part)).values(until=now))
    return {person for _, person in spells}


# ---- everybody -----------------------------------------------------------------------------------------------------


def _judge_all(conn: Connection, role: str, rule: Rule, moment: Moment) -> set[str]:
    """Make those for whom the rule holds the ones who have the role; returns who came and went."""
    key = _turn(role)
    segment = Segment(key, "", rule)
    whole = Whole(conn, [segment], moment)
    chosen, standing = whole.choose(segment), _standing(role).subquery()
    came = select(chosen.c.person).except_(select(standing.c.person))
    gone = select(standing).select_from(standing.outerjoin(chosen, chosen.c.person == standing.c.person))
    left = conn.execute(gone.where(chosen.c.person.is_(None))).all()
    moved = _begin(conn, role, conn.execute(came).scalars(), moment.now) | _end(conn, role, left, moment.now)
    conn.execute(delete(t.turn).where(t.turn.c.segment == key))
    turns = turns_of(Compiler(conn.dialect, moment), rule)
    if turns is not None:
        rows = turns.with_only_columns(literal(key), *turns.selected_columns)
        conn.execute(insert(t.turn).from_select(["segment", "person", "at"], rows))
    if by_the_day(rule):
        conn.execute(insert(t.turn), {"segment": key, "person": EVERYBODY, "at": moment.midnight})
    kept = json.dumps({text_of(top): whole.thresholds[top] for top in sorted(tops(segment), key=text_of)})
    row = (role, _text(rule, moment), kept, moment.now)
    bulk.upsert(conn, t.role_rule, _RULE, [row], _RULE[:1], _RULE[1:])
    return moved


_RULE = ("role", "rule", "thresholds", "judged")


# ---- few people ----------------------------------------------------------------------------------------------------


def _judge_few(
    conn: Connection, rules: Mapping[str, Rule], known: Mapping[str, _Known], people: Sequence[str], moment: Moment
) -> set[str]:
    """The same for some people, each judged alone."""
    subjects = load_subjects(conn, people)
    moved: set[str] = set()
    turns: list[tuple[str, str, Millis]] = []
    for role, rule in rules.items():
        thresholds = known[role].thresholds(rule)
        now = {who for who, subject in subjects.items() if is_member(rule, subject, moment, thresholds)}
        stands = conn.execute(_standing(role).where(t.record.c.person.in_(people))).all()
        had = {person for _, person in stands}
        moved |= _begin(conn, role, now - had, moment.now)
        moved |= _end(conn, role, [spell for spell in stands if spell[1] not in now], moment.now)
        for who, subject in subjects.items():
            turn = next_turn(rule, subject, moment, thresholds)
            if turn is not None:
                turns.append((_turn(role), who, turn))
        bulk.delete_in(conn, t.turn.c.person, people, {"segment": _turn(role)})
    bulk.insert(conn, t.turn, ("segment", "person", "at"), sorted(turns))
    return moved
