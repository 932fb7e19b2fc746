"""All starter segments over one crowd in one store: `python -m benchmarks.segments_child ORDER ANSWER`.

Each rule is asked as `sync.segment_whole` asks it, and as it is written by hand, in turn and into tables of one shape.
Times are those on the clock, since a server does its work in a process of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from sqlalchemy import Column, Connection, MetaData, String, Table, text

from benchmarks.by_hand import by_hand
from benchmarks.child import say
from benchmarks.crowd import NOW, fill, person_of
from benchmarks.measure import peak
from mapping.rules import Moment
from regulars.config_segments import starters
from sync.segment import Segment
from sync.segment_run import evaluate
from sync.segment_whole import Whole
from sync.store import bulk
from sync.store import schema as t
from sync.store.database import Database, open_database


class Order(msgspec.Struct):
    """Which store (the address of a server, or nothing for a file in the folder), and how much to do there."""

    url: str
    folder: str
    people: int
    rounds: int
    singles: int


class Timed(msgspec.Struct):
    """One segment: its size, and seconds by round."""

    size: int
    ours: list[float] = []
    by_hand: list[float] = []


class Found(msgspec.Struct):
    """What was measured in one store. *whole* are seconds of judging everybody, *single* those of one person each."""

    people: int
    touchpoints: int
    filled: float
    segments: dict[str, Timed]
    whole: list[float]
    single: list[float]
    moved: int
    peak: float
    wrong: list[str]


AGAIN = 3
"""The revision in which everybody is judged a second time."""

_HAND = Table(
    "bench_hand",
    MetaData(),
    Column("person", String, primary_key=True),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)


def measure(order: Order, database: Database) -> Found:
    started = time.perf_counter()
    fill(database, order.people)
    filled = time.perf_counter() - started
    say(f"filled in {filled:.0f} s; each rule, and by hand …")
    segments, moment, wrong = dict(starters()), Moment(NOW), list[str]()
    with database.read() as conn:
        touchpoints = int(conn.execute(text("SELECT count(*) FROM touchpoint")).scalar_one())
    with database.write() as conn:
        timed = _side_by_side(conn, segments, moment, order.rounds, wrong)
    say("everybody, and one by one …")
    whole = [_seconds(lambda: evaluate(database, segments, moment, 1))]
    with database.read() as conn:
        query = text("SELECT segment, count(*) FROM member GROUP BY segment")
        sizes = {str(name): int(size) for name, size in conn.execute(query)}
    wrong += [
        f"{name}: {sizes.get(name, 0)} members, by hand {one.size}"
        for name, one in timed.items()
        if sizes.get(name, 0) != one.size
    ]
    single, moved = _one_by_one(database, segments, moment, order)
    whole.append(_seconds(lambda: evaluate(database, segments, moment, AGAIN)))
    query = text(f"SELECT segment, count(*) FROM passage WHERE revision = {AGAIN} GROUP BY segment")
    with database.read() as conn:
        wrong += [f"{name}: judged alone, {count} came out otherwise" for name, count in conn.execute(query)]
    return Found(order.people, touchpoints, filled, timed, whole, single, moved, peak(), wrong)


def _side_by_side(
    conn: Connection, segments: Mapping[str, Segment], moment: Moment, rounds: int, wrong: list[str]
) -> dict[str, Timed]:
    hand = by_hand(conn.dialect.name, moment.now)
    _HAND.create(conn)
    found: dict[str, Timed] = {}
    for turn in range(rounds + 1):  # the first warms up, and is compared
        for name, segment in segments.items():
            ways: list[tuple[str, Callable[[], object]]] = [
                ("ours", lambda segment=segment: _ours(conn, segment, moment)),  # type: ignore[misc]
                ("by_hand", lambda name=name: _written(conn, hand[name])),  # type: ignore[misc]
            ]
            seconds = {way: _seconds(work) for way, work in (ways if turn % 2 else ways[::-1])}
            if turn == 0:
                found[name] = Timed(_compare(conn, name, wrong))
                continue
            found[name].ours.append(seconds["ours"])
            found[name].by_hand.append(seconds["by_hand"])
    return found


def _ours(conn: Connection, segment: Segment, moment: Moment) -> None:
    """Who is in it, as a run asks: first who is among the best, then everybody."""
    Whole(conn, [segment], moment).choose(segment)


def _written(conn: Connection, statement: str) -> None:
    """The same by hand, into a table of the same shape, emptied in the same way."""
    conn.exec_driver_sql("DELETE FROM bench_hand" if conn.dialect.name == "sqlite" else "TRUNCATE bench_hand")
    conn.exec_driver_sql(f"INSERT INTO bench_hand (person) {statement}")


def _compare(conn: Connection, name: str, wrong: list[str]) -> int:
    """The size of a segment; both ways must give the same people."""
    sizes = {way: conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for way, table in _WAYS.items()}
    both = " INTERSECT ".join(f"SELECT person FROM {table}" for table in _WAYS.values())
    same = int(conn.execute(text(f"SELECT count(*) FROM ({both}) AS one")).scalar_one())
    if set(sizes.values()) != {same}:
        wrong.append(f"{name}: {sizes['ours']} people, by hand {sizes['hand']}, in both {same}")
    if not same:
        wrong.append(f"{name}: nobody is in it")
    return same


_WAYS = {"ours": "segment_chosen", "hand": "bench_hand"}


def _one_by_one(
    database: Database, segments: Mapping[str, Segment], moment: Moment, order: Order
) -> tuple[list[float], int]:
    """Somebody writes or opens a mail, and is judged alone; seconds each, and how many memberships that moved."""
    seconds, moved = [], 0
    columns = ("record", "at", "kind", "key", "channel", "way", "by")
    for place in range(order.singles):
        number = 1 + place * (order.people // order.singles)
        kind = ("wrote", "opened")[place % 2]
        row = (number, moment.now - 1000, kind, "changed", "email", "in", "person")
        with database.write() as conn:
            bulk.insert(conn, t.touchpoint, columns, [row])
        started = time.perf_counter()
        done = evaluate(database, segments, moment, 2, [person_of(number)])
        seconds.append(time.perf_counter() - started)
        moved += sum(done.entered.values()) + sum(done.left.values())
    return seconds, moved


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _main(order_file: str, answer_file: str) -> None:
    order = msgspec.json.decode(Path(order_file).read_bytes(), type=Order)
    with open_database(order.url or None, Path(order.folder), now=lambda: NOW) as database:
        Path(answer_file).write_bytes(msgspec.json.encode(measure(order, database)))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
