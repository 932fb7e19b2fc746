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
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from mapping.model import Millis
from mapping.rules import Moment, text_of
from sync.segment import Segment, Thresholds
from sync.segment_few import judge_few
from sync.segment_whole import EVERYBODY, Whole, tops
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database

_MANY = 20_000
"""From so many people on, asking for everybody is quicker."""

_CHUNK = 1000

_QUICK = (
    "SELECT set_config('synchronous_commit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true)"
)
"""For few people PostgreSQL does not plan anew what it looks up by key, nor waits for the disk. As on SQLite, a power
cut may take the last judgements, and what comes after a run that broke off makes them again."""


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
        known, due = _look(conn, moment.now, few=people is not None)
        _forget(conn, known.keys() - segments.keys())
        few: dict[str, Segment] = {}
        whole = dict(segments)
        wanted: list[str] = []
        if people is not None:
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
            part = wanted[start : start + _CHUNK]
            came, gone = judge_few(conn, few, thresholds, part, moment, revision)
            for name, _ in came:
                done.entered[name] += 1
            for name, _ in gone:
                done.left[name] += 1
    return done


def next_due(conn: Connection) -> Millis | None:
    """When a membership may next change by itself; None where none does."""
    at = conn.execute(select(t.turn.c.at).order_by(t.turn.c.at).limit(1)).scalar()
    return None if at is None else int(at)


def _text(segment: Segment, moment: Moment) -> str:
    return f"{segment.text} {moment.zone}"


def _look(conn: Connection, now: Millis, *, few: bool) -> tuple[dict[str, _Known], dict[str, set[str]]]:
    """What the store knows of segments, and whose turn has come in which."""
    rows, turns = bulk.select_together(
        conn,
        ("SELECT name, rule, thresholds FROM segment", ()),
        ("SELECT segment, person FROM turn WHERE at <= {}", (now,)),
        *([(_QUICK, ())] if few and conn.dialect.name != "sqlite" else []),
    )[:2]
    due: defaultdict[str, set[str]] = defaultdict(set)
    for name, person in turns:
        due[name].add(person)
    return {name: _Known(rule, json.loads(thresholds)) for name, rule, thresholds in rows}, due


def _forget(conn: Connection, names: Iterable[str]) -> None:
    """Take segments out. Who came and went is history and stays: it shows again when a segment of the name returns."""
    for name in names:
        for column in (t.member.c.segment, t.turn.c.segment, t.segment.c.name):
            conn.execute(delete(column.table).where(column == name))


def _thresholds(segment: Segment, kept: Mapping[str, int | None]) -> Thresholds:
    return {top: kept.get(text_of(top)) for top in tops(segment)}


def kept_thresholds(conn: Connection, segment: Segment) -> Thresholds | None:
    """The thresholds by which the last run judged; None where it did not know the segment."""
    kept = conn.execute(select(t.segment.c.thresholds).where(t.segment.c.name == segment.name)).scalar()
    return None if kept is None else _thresholds(segment, json.loads(kept))


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
    whole = Whole(conn, segments.values(), moment)
    for name, segment in segments.items():
        done.entered[name], done.left[name] = whole.judge(segment, revision, told=name in known)
        kept = json.dumps({text_of(top): whole.thresholds[top] for top in sorted(tops(segment), key=text_of)})
        columns = ("name", "rule", "evaluated", "thresholds")
        row = (name, _text(segment, moment), moment.now, kept)
        bulk.upsert(conn, t.segment, columns, [row], ("name",), columns[1:])
    whole.end()
