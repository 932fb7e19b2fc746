"""Read-only questions about segments: sizes, members, comings and goings, and one person's memberships."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select

from mapping.model import Millis
from mapping.rules import Moment, Top, conditions, text_of
from sync.queries import PersonLine
from sync.segment import Segment, Thresholds
from sync.segment_load import load_subjects
from sync.segment_run import kept_thresholds
from sync.segment_sql import Compiler
from sync.segment_why import Verdict, holds
from sync.store import bulk
from sync.store import schema as t


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """One segment in numbers. `evaluated` is when everybody was judged last, 0 for never."""

    name: str
    size: int
    entered: int
    left: int
    evaluated: Millis


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a segment, and since when."""

    person: PersonLine
    since: Millis


@dataclass(frozen=True, slots=True)
class Passage:
    """Somebody who entered or left."""

    person: PersonLine
    entered: bool
    at: Millis


_PERSON = (t.person.c.id, t.person.c.name, t.person.c.email, t.person.c.records)


def lines(conn: Connection, names: Sequence[str], since: Millis) -> dict[str, SegmentLine]:
    """The numbers of segments; who came and went is counted from *since* on."""
    m, p, s = t.member.c, t.passage.c, t.segment.c
    sizes = _pairs(conn, select(m.segment, func.count()).group_by(m.segment))
    moved: defaultdict[tuple[str, bool], int] = defaultdict(int)
    passed = select(p.segment, p.entered, func.count()).where(p.at >= since).group_by(p.segment, p.entered)
    for name, entered, count in conn.execute(passed):
        moved[name, bool(entered)] = count
    evaluated = _pairs(conn, select(s.name, s.evaluated))
    return {
        name: SegmentLine(name, sizes.get(name, 0), moved[name, True], moved[name, False], evaluated.get(name, 0))
        for name in names
    }


def _pairs(conn: Connection, query: Select[Any]) -> dict[str, int]:
    return {key: int(value) for key, value in conn.execute(query)}


def members(conn: Connection, name: str, limit: int = 20, offset: int = 0) -> list[Member]:
    """A page of a segment's members, the newest first."""
    m = t.member.c
    query = select(*_PERSON, m.since).join_from(t.member, t.person, t.person.c.id == m.person)
    query = query.where(m.segment == name).order_by(m.since.desc(), t.person.c.name, m.person)
    return [Member(PersonLine(*row[:4]), row[4]) for row in conn.execute(query.limit(limit).offset(offset))]


def passages(conn: Connection, name: str, since: Millis, limit: int = 20) -> list[Passage]:
    """Who entered and left a segment lately, the newest first."""
    p = t.passage.c
    query = select(*_PERSON, p.entered, p.at).join_from(t.passage, t.person, t.person.c.id == p.person)
    query = query.where(p.segment == name, p.at >= since).order_by(p.at.desc(), p.id.desc()).limit(limit)
    return [Passage(PersonLine(*row[:4]), bool(row[4]), row[5]) for row in conn.execute(query)]


def memberships(conn: Connection, people: Sequence[str]) -> dict[str, dict[str, Millis]]:
    """Which segments these people are in, and since when: person → segment → time."""
    m = t.member.c
    found: dict[str, dict[str, Millis]] = {person: {} for person in people}
    for person, segment, since in bulk.select_in(conn, [m.person, m.segment, m.since], m.person, people):
        found[person][segment] = since
    return found


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a rule would choose now, and how that differs from a segment's members."""

    size: int
    sample: tuple[PersonLine, ...]
    entering: int
    leaving: int


def titles(conn: Connection) -> list[str]:
    """What the lists and tags of all platforms are called."""
    return list(conn.execute(select(t.listing.c.title).distinct()).scalars())


def preview(conn: Connection, segment: Segment, moment: Moment, limit: int = 20, beside: str = "") -> Preview:
    """What a rule would give now; changes nothing. *beside* names the segment to compare with."""
    chosen = Compiler(conn.dialect, moment).people(segment.rule).subquery()
    m = t.member.c
    size = conn.execute(select(func.count()).select_from(chosen)).scalar_one()
    query = select(*_PERSON).join_from(chosen, t.person, t.person.c.id == chosen.c.person)
    sample = conn.execute(query.order_by(t.person.c.name, t.person.c.id).limit(limit))
    staying = (
        select(func.count()).select_from(chosen).where(exists().where(m.segment == beside, m.person == chosen.c.person))
    )
    stay = conn.execute(staying).scalar_one() if beside else size
    now = conn.execute(select(func.count()).select_from(t.member).where(m.segment == beside)).scalar_one()
    return Preview(size, tuple(PersonLine(*row) for row in sample), size - stay, now - stay if beside else 0)


def count_thresholds(conn: Connection, segment: Segment, moment: Moment) -> Thresholds:
    """What it takes now to be among the best of a rule."""
    compiler = Compiler(conn.dialect, moment)
    tops = {one for one in conditions(segment.rule) if isinstance(one, Top)}
    found = {top: conn.execute(compiler.threshold(top)).scalar() for top in sorted(tops, key=text_of)}
    return {top: None if need is None else int(need) for top, need in found.items()}


@dataclass(frozen=True, slots=True)
class Membership:
    """Why somebody is in a segment or not; `turn` is when time alone may change that, 0 for never."""

    segment: Segment
    verdict: Verdict
    since: Millis
    turn: Millis


def explain_membership(conn: Connection, person: str, segment: Segment, moment: Moment) -> Membership | None:
    """Judge one person by one segment, as the last run would; None where nobody has this id."""
    subjects = load_subjects(conn, [person])
    if person not in subjects:
        return None
    known = kept_thresholds(conn, segment)
    thresholds = count_thresholds(conn, segment, moment) if known is None else known
    verdict = holds(segment.rule, subjects[person], moment, thresholds)
    since = memberships(conn, [person])[person].get(segment.name, 0)
    c = t.turn.c
    query = select(func.min(c.at)).where(c.segment == segment.name, c.person == person)
    return Membership(segment, verdict, since, conn.execute(query).scalar() or 0)
