"""A few people judged by every segment: loaded at once, judged one by one, and only what is other is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext

from sqlalchemy import Column, Connection

from mapping.model import Millis
from mapping.rules import Moment
from sync.segment import Segment, Thresholds, is_member
from sync.segment_load import load_standing
from sync.segment_turns import next_turn
from sync.store import bulk
from sync.store import schema as t

Place = tuple[str, str]
"""A segment and a person."""


def judge_few(
    conn: Connection,
    segments: Mapping[str, Segment],
    thresholds: Mapping[str, Thresholds],
    people: Sequence[str],
    moment: Moment,
    revision: int,
) -> tuple[list[Place], list[Place]]:
    """Returns who entered what, and who left what."""
    subjects, standing = load_standing(conn, people)
    now: set[Place] = set()
    turns: dict[Place, Millis] = {}
    for name, segment in segments.items():
        kept = thresholds[name]
        for person, subject in subjects.items():
            if is_member(segment.rule, subject, moment, kept):
                now.add((name, person))
            turn = next_turn(segment.rule, subject, moment, kept)
            if turn is not None:
                turns[name, person] = turn
    before = {place for place in standing.members if place[0] in segments}
    came, gone = sorted(now - before), sorted(before - now)
    turned = {place: at for place, at in standing.turns.items() if place[0] in segments}
    over = turned.keys() - turns.keys()
    new = sorted((*place, at) for place, at in turns.items() if turned.get(place) != at)
    at_once = max(len(came) + len(gone), len(new)) <= bulk.FEW
    with bulk.together(conn) if at_once else nullcontext():
        _file(conn, came, gone, moment.now, revision)
        _delete(conn, t.turn.c.person, over)
        bulk.upsert(conn, t.turn, ("segment", "person", "at"), new, ("segment", "person"), ("at",))
    return came, gone


def _file(conn: Connection, came: Sequence[Place], gone: Sequence[Place], now: Millis, revision: int) -> None:
    """Write down who is in what by now, and that they entered and left."""
    bulk.insert_ignore(conn, t.member, ("segment", "person", "since"), [(*place, now) for place in came])
    _delete(conn, t.member.c.person, gone)
    passages = [(*place, False, now, revision) for place in gone] + [(*place, True, now, revision) for place in came]
    bulk.insert_ignore(conn, t.passage, ("segment", "person", "entered", "at", "revision"), passages)


def _delete(conn: Connection, column: Column[str], places: Collection[Place]) -> None:
    people: defaultdict[str, list[str]] = defaultdict(list)
    for name, person in sorted(places):
        people[name].append(person)
    for name, leaving in people.items():
        bulk.delete_in(conn, column, leaving, {"segment": name})
