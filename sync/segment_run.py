"""Who is in which segment: fills `segment`, `member`, `turn` and `passage`, for everybody or for those who changed.

For everybody each rule is one statement in the database, and no row comes to Python. For few people they are loaded
and judged one by one, those whose turn has come among them. Both give the same rows.

A rule that counts the best ("top 20 %") rests on a threshold, which every purchase of anybody might move. It is
counted when everybody is, and again when each day begins (see `by_the_day`); in between, somebody who changed is
judged by the threshold of that day, which is kept in `segment.thresholds`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Column, Connection, MetaData, String, Table, and_, delete, exists, insert, literal, not_, select
from sqlalchemy.schema import CreateTable

from mapping.model import Millis
from mapping.rules import Moment, Top, by_the_day, conditions, text_of
from sync.segment import Segment, Thresholds, is_member, next_turn
from sync.segment_load import load_subjects
from sync.segment_sql import Compiler
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database

EVERYBODY = ""
"""In `turn`: the whole segment is to be judged again then."""

_MANY = 20_000
"""From so many people on, asking for everybody is quicker."""

_CHUNK = 1000

_chosen = Table(
    "segment_chosen",
    MetaData(),
    Column("person", String, primary_key=True),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)


@dataclass(slots=True)
class Evaluated:
    """How many entered and left each segment. Who is in a segment when it is first judged did not enter it."""

    entered: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Known:
    """What the store says of a segment."""

    text: str
    thresholds: dict[str, int | None]


def evaluate(
    database: Database,
    segments: Mapping[str, Segment],
    moment: Moment,
    revision: int,
    people: Collection[str] | None = None,
) -> Evaluated:
    """Judge everybody, or only *people* and those whose turn has come. The segments' rules are linked.

    *people* are all whose values, records or facts changed, and ids that were given up. A segment that is new, or
    whose rule changed, is judged for everybody; one that is no longer there loses its members.
    """
    done = Evaluated(dict.fromkeys(segments, 0), dict.fromkeys(segments, 0))
    with database.write() as conn:
        known = _known(conn)
        _forget(conn, known.keys() - segments.keys())
        few: dict[str, Segment] = {}
        whole = dict(segments)
        wanted: list[str] = []
        if people is not None:
            due = _due(conn, moment.now)
            few = {
                name: one
                for name, one in segments.items()
                if name in known and known[name].text == _text(one, moment) and EVERYBODY not in due.get(name, ())
            }
            wanted = sorted({*people, *(person for name in few for person in due.get(name, ()))})
            if len(wanted) >= _MANY:
                few = {}
            whole = {name: one for name, one in segments.items() if name not in few}
        _judge_all(conn, whole, known, moment, revision, done)
        thresholds = {name: _thresholds(segments[name], known[name].thresholds) for name in few}
        for start in range(0, len(wanted) if few else 0, _CHUNK):
            _judge_few(conn, few, thresholds, wanted[start : start + _CHUNK], moment, revision, done)
    return done


def next_due(conn: Connection) -> Millis | None:
    """When a membership may next change by itself; None where none does."""
    at = conn.execute(select(t.turn.c.at).order_by(t.turn.c.at).limit(1)).scalar()
    return None if at is None else int(at)


def _text(segment: Segment, moment: Moment) -> str:
    return f"{text_of(segment.rule)} {moment.zone}"


def _known(conn: Connection) -> dict[str, _Known]:
    c = t.segment.c
    rows = conn.execute(select(c.name, c.rule, c.thresholds))
    return {name: _Known(rule, json.loads(thresholds)) for name, rule, thresholds in rows}


def _forget(conn: Connection, names: Iterable[str]) -> None:
    for name in names:
        for column in (t.member.c.segment, t.turn.c.segment, t.passage.c.segment, t.segment.c.name):
            conn.execute(delete(column.table).where(column == name))


def _due(conn: Connection, now: Millis) -> dict[str, set[str]]:
    c = t.turn.c
    due: defaultdict[str, set[str]] = defaultdict(set)
    for name, person in conn.execute(select(c.segment, c.person).where(c.at <= now)):
        due[name].add(person)
    return due


def _tops(segment: Segment) -> set[Top]:
    return {one for one in conditions(segment.rule) if isinstance(one, Top)}


def _thresholds(segment: Segment, kept: Mapping[str, int | None]) -> Thresholds:
    return {top: kept.get(text_of(top)) for top in _tops(segment)}


def kept_thresholds(conn: Connection, segment: Segment) -> Thresholds | None:
    """The thresholds by which the last run judged; None where it did not know the segment."""
    kept = conn.execute(select(t.segment.c.thresholds).where(t.segment.c.name == segment.name)).scalar()
    return None if kept is None else _thresholds(segment, json.loads(kept))


# ---- everybody -----------------------------------------------------------------------------------------------------


def _judge_all(
    conn: Connection,
    segments: Mapping[str, Segment],
    known: Mapping[str, _Known],
    moment: Moment,
    revision: int,
    done: Evaluated,
) -> None:
    if not segments:
        return
    conn.execute(CreateTable(_chosen, if_not_exists=True))
    thresholds: dict[Top, int | None] = {}
    compiler = Compiler(conn.dialect, moment, thresholds)
    for top in {top for segment in segments.values() for top in _tops(segment)}:
        need = conn.execute(compiler.threshold(top)).scalar()
        thresholds[top] = None if need is None else int(need)
    for name, segment in segments.items():
        conn.execute(delete(_chosen))
        conn.execute(insert(_chosen).from_select(["person"], compiler.people(segment.rule)))
        _pass(conn, name, moment.now, revision, done, told=name in known)
        _set_turns(conn, name, segment, compiler)
        kept = json.dumps({text_of(top): thresholds[top] for top in sorted(_tops(segment), key=text_of)})
        columns = ("name", "rule", "evaluated", "thresholds")
        row = (name, _text(segment, moment), moment.now, kept)
        bulk.upsert(conn, t.segment, columns, [row], ("name",), columns[1:])


def _pass(conn: Connection, name: str, now: Millis, revision: int, done: Evaluated, *, told: bool) -> None:
    """Make the members of a segment those that were chosen."""
    m = t.member.c
    stays = exists().where(_chosen.c.person == m.person)
    gone = and_(m.segment == name, not_(stays))
    there = exists().where(m.segment == name, m.person == _chosen.c.person)
    came = select(_chosen.c.person).where(not_(there))
    if told:
        for people, entered in ((select(m.person).where(gone), False), (came, True)):
            values = (literal(name), *people.selected_columns, literal(entered), literal(now), literal(revision))
            rows = people.with_only_columns(*values)
            conn.execute(insert(t.passage).from_select(["segment", "person", "entered", "at", "revision"], rows))
    done.left[name] = conn.execute(delete(t.member).where(gone)).rowcount if told else 0
    rows = came.with_only_columns(literal(name), _chosen.c.person, literal(now))
    adding = insert(t.member).from_select(["segment", "person", "since"], rows)
    count = conn.execute(adding, execution_options={"preserve_rowcount": True}).rowcount
    done.entered[name] = count if told else 0


def _set_turns(conn: Connection, name: str, segment: Segment, compiler: Compiler) -> None:
    conn.execute(delete(t.turn).where(t.turn.c.segment == name))
    turns = compiler.turns(segment.rule)
    if turns is not None:
        rows = turns.with_only_columns(literal(name), *turns.selected_columns)
        conn.execute(insert(t.turn).from_select(["segment", "person", "at"], rows))
    if by_the_day(segment.rule):
        row = {"segment": name, "person": EVERYBODY, "at": compiler.moment.midnight}
        conn.execute(insert(t.turn), row)


# ---- few people ----------------------------------------------------------------------------------------------------


def _judge_few(
    conn: Connection,
    segments: Mapping[str, Segment],
    thresholds: Mapping[str, Thresholds],
    people: Sequence[str],
    moment: Moment,
    revision: int,
    done: Evaluated,
) -> None:
    subjects = load_subjects(conn, people)
    now: set[tuple[str, str]] = set()
    turns: dict[tuple[str, str], Millis] = {}
    for name, segment in segments.items():
        kept = thresholds[name]
        for person, subject in subjects.items():
            if is_member(segment.rule, subject, moment, kept):
                now.add((name, person))
            turn = next_turn(segment.rule, subject, moment, kept)
            if turn is not None:
                turns[name, person] = turn
    c = t.member.c
    found = bulk.select_in(conn, [c.segment, c.person], c.person, people)
    before = {(name, person) for name, person in found if name in segments}
    came, gone = sorted(now - before), sorted(before - now)
    _file(conn, came, gone, moment.now, revision)
    for name, _ in came:
        done.entered[name] += 1
    for name, _ in gone:
        done.left[name] += 1
    _file_turns(conn, segments, people, turns)


def _file(
    conn: Connection,
    came: Sequence[tuple[str, str]],
    gone: Sequence[tuple[str, str]],
    now: Millis,
    revision: int,
) -> None:
    bulk.insert(conn, t.member, ("segment", "person", "since"), [(*one, now) for one in came])
    leavers: defaultdict[str, list[str]] = defaultdict(list)
    for name, person in gone:
        leavers[name].append(person)
    for name, people in leavers.items():
        bulk.delete_in(conn, t.member.c.person, people, {"segment": name})
    passages = [(*one, False, now, revision) for one in gone] + [(*one, True, now, revision) for one in came]
    if passages:
        bulk.insert(conn, t.passage, ("segment", "person", "entered", "at", "revision"), passages)


def _file_turns(
    conn: Connection, segments: Collection[str], people: Sequence[str], turns: Mapping[tuple[str, str], Millis]
) -> None:
    """Write the turns that are other than before."""
    c = t.turn.c
    before: dict[tuple[str, str], Millis] = {}
    for start in range(0, len(people), 500):
        part = people[start : start + 500]
        rows = conn.execute(select(c.segment, c.person, c.at).where(c.segment.in_(segments), c.person.in_(part)))
        before.update({(name, person): at for name, person, at in rows})
    gone: defaultdict[str, list[str]] = defaultdict(list)
    for name, person in before.keys() - turns.keys():
        gone[name].append(person)
    for name, leaving in gone.items():
        bulk.delete_in(conn, c.person, leaving, {"segment": name})
    new = sorted((*key, at) for key, at in turns.items() if before.get(key) != at)
    if new:
        bulk.upsert(conn, t.turn, ("segment", "person", "at"), new, ("segment", "person"), ("at",))
