"""All starter segments over a large crowd, on SQLite and on PostgreSQL, beside the same rules written by hand."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.table import Table

from benchmarks.child import Broken, answer_of, say
from benchmarks.crowd import TOUCHES
from benchmarks.goals import Verdict
from benchmarks.parts import Part
from benchmarks.segments_child import Found, Order, Timed
from benchmarks.stores import NAMES, opened

PEOPLE = 1_000_000
RATIO = 1.3
SINGLE = 0.005


def measure_segments(people: int, rounds: int, folder: Path, database: str, stores: Sequence[str] = ()) -> Part:
    """*database* is what REGULARS_DATABASE said; *stores*, where given, are the only ones wanted."""
    part = Part("Segments", stated="" if people >= PEOPLE else f"{PEOPLE:,} people")
    for store in stores or NAMES:
        name = NAMES[store]
        with opened(store, database, "segments") as (url, absent):
            if absent:
                part.notes.append(f"Segments were not measured on {name}: {absent}")
                continue
            say(f"segments on {name}: {people:,} people with {people * TOUCHES:,} touchpoints …")
            singles = min(people // 10, 300)
            order = Order(url, str(folder / store), people, rounds, singles)
            try:
                found = answer_of("benchmarks.segments_child", order, folder / store, "segments", Found)
            except Broken as broken:
                part.wrong.append(f"segments on {name}: {broken}")
                continue
        part.wrong += [f"{name}: {fault}" for fault in found.wrong]
        part.figures[store] = msgspec.to_builtins(found)
        part.tables.append(_table(name, found))
        part.notes.append(_explained(name, found))
        part.goals += _goals(name, found)
    return part


def _middle(times: Sequence[float]) -> float:
    return statistics.median(times)


def _ratio(one: Timed) -> float:
    return _middle(one.ours) / _middle(one.by_hand)


def _totals(segments: Mapping[str, Timed]) -> tuple[float, float]:
    return (
        sum(_middle(one.ours) for one in segments.values()),
        sum(_middle(one.by_hand) for one in segments.values()),
    )


def _table(name: str, found: Found) -> Table:
    title = f"Starter segments on {name}: {found.people:,} people, {found.touchpoints:,} touchpoints"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in ("members", "rule, s", "by hand, s", "times"):
        table.add_column(column, justify="right")
    for segment, one in found.segments.items():
        ours, hand = _middle(one.ours), _middle(one.by_hand)
        table.add_row(segment, f"{one.size:,}", f"{ours:.2f}", f"{hand:.2f}", f"{_ratio(one):.2f}")
    ours, hand = _totals(found.segments)
    table.add_section()
    table.add_row("all", "", f"{ours:.2f}", f"{hand:.2f}", f"{ours / hand:.2f}")
    return table


def _explained(name: str, found: Found) -> str:
    rounds = len(next(iter(found.segments.values())).ours)
    ordered = sorted(found.single)
    late = ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
    first, again = found.whole
    return (
        f"{name}: seconds on the clock, median of {rounds} rounds in turn after one that compared both, person by"
        f" person. Filled in {found.filled:.0f} s.\n"
        f"Everybody judged, members, turns and passages written: {first:.1f} s; once more: {again:.1f} s."
        f" One changed person in all segments: median {_middle(found.single) * 1000:.1f} ms, 95 of 100 below"
        f" {late * 1000:.1f} ms ({len(ordered)} people). Our process's peak: {found.peak:.0f} MB."
    )


def _goals(name: str, found: Found) -> list[Verdict]:
    ours, hand = _totals(found.segments)
    worst = max(found.segments, key=lambda segment: _ratio(found.segments[segment]))
    times = f"{ours / hand:.2f} times (most: {worst}, {_ratio(found.segments[worst]):.2f})"
    single = _middle(found.single)
    return [
        Verdict(f"segments on {name}: at most {RATIO} times as long as by hand", times, ours <= RATIO * hand),
        Verdict(f"one person in all segments on {name}: below 5 ms", f"{single * 1000:.1f} ms", single < SINGLE),
    ]
