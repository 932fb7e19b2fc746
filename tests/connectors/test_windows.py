"""Listings in pieces: windows of time that are halved where they are too full, and parts of an account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.base import Cursor
from connectors.errors import Misread
from connectors.pagers import Ask, Cursored, Numbered, Pager, Posted
from connectors.walk import Collection, Since, Walk
from connectors.windows import Each, Windowed

SIZE, MOST = 3, 6
NOW = 1_000_000


@dataclass
class Till:
    """A platform that tells at most six things of a window, three to a page, at moments of so many milliseconds."""

    moments: list[int]
    tells_total: bool = False
    asked: list[tuple[int, int]] = field(default_factory=list)

    def fetch(self, collection: Collection, ask: Ask) -> bytes:
        since, until = ask.body["window"]
        page = ask.body.get("page", 1)
        if page == 1:
            self.asked.append((since, until))
        there = [{"id": str(at), "at": str(at)} for at in sorted(self.moments) if since <= at <= until]
        held, start = there[:MOST], (page - 1) * SIZE
        more = str(page + 1) if start + SIZE < len(held) else None
        answer: dict[str, Any] = {"data": held[start : start + SIZE], "next": more and int(more)}
        return json.dumps({**answer, "total": len(there)} if self.tells_total else answer).encode()


def spelled(since: int, until: int) -> Ask:
    return Ask(body={"window": [since, until]})


def windowed(most: int = 0, total: str = "", shortest: int = 10) -> Windowed:
    inner = Posted(Cursored("page", "next"))
    return Windowed(inner, spelled, longest=400_000, back=1_000_000, most=most, total=total, shortest=shortest)


def misread(operation: str, what: str) -> Misread:
    return Misread(f"{operation}: {what}")


def walk(till: Till, pager: Pager, overlap: int = 0, within: int = 0, now: int = NOW) -> Walk:
    collection = Collection("/x", "data", pager, stamp="at", since=Since("", overlap, within=within), body={})
    return Walk(collection, till.fetch, misread, lambda: now)


def read(walking: Walk, cursor: Cursor | None = None) -> tuple[set[int], Cursor]:
    found: set[int] = set()
    for page in walking.pages(cursor):
        found |= {int(raw.remote_id) for raw in page.records}
        cursor = json.loads(json.dumps(page.cursor))
    assert cursor is not None
    return found, cursor


def test_windows_follow_one_another_to_the_present() -> None:
    """Each begins where the one before ended, and the last one ends now."""
    till = Till([5, 400_000, 400_001, 999_999])

    found, _ = read(walk(till, windowed()))

    assert found == set(till.moments)
    assert till.asked == [(0, 400_000), (400_000, 800_000), (800_000, 1_000_000)]


@pytest.mark.parametrize("tells_total", [True, False])
def test_a_window_that_is_too_full_is_read_in_halves(tells_total: bool) -> None:
    """Whether the platform says how many there are, or breaks off after so many."""
    till = Till(list(range(100, 2_100, 100)), tells_total)

    found, _ = read(walk(till, windowed(MOST, "total" if tells_total else "")))

    assert found == set(till.moments)
    assert len(till.asked) < 60


def test_what_lies_too_close_together_is_not_passed_over_in_silence() -> None:
    """Where no window is short enough, the reading says so."""
    till = Till(list(range(100, 110)))

    with pytest.raises(Misread, match="cannot be told apart"):
        read(walk(till, windowed(MOST)))


def test_afterwards_only_the_time_since_is_asked_for() -> None:
    """Without a parameter of its own: the windows begin at the mark."""
    till = Till([5, 900_000])
    _, cursor = read(walk(till, windowed()))
    till.moments.append(1_500_000)
    till.asked.clear()

    found, _ = read(walk(till, windowed(), overlap=50_000, now=1_600_000), cursor)

    assert found == {900_000, 1_500_000}
    assert till.asked[0][0] == 850_000


def test_changes_that_are_told_no_more_are_listed_anew() -> None:
    """Where the mark lies further back than changes are told of, everything is read."""
    till = Till([5, 600_000])
    _, cursor = read(walk(till, windowed(), within=100_000))
    till.asked.clear()

    found, _ = read(walk(till, windowed(), within=100_000), cursor)

    assert found == {5, 600_000}
    assert till.asked[0][0] == 0


def test_an_interrupted_reading_goes_on_in_its_window() -> None:
    """The place names window and page."""
    till = Till([*range(100, 600, 100), 900_000])
    pages = walk(till, windowed()).pages(None)
    first = next(pages)
    till.asked.clear()

    found, _ = read(walk(till, windowed()), json.loads(json.dumps(first.cursor)))

    assert found == {400, 500, 900_000}
    assert till.asked[0] == (400_000, 800_000)


def test_each_part_is_read_by_itself() -> None:
    """Parts may hold the same things, and one that is gone is not waited for."""
    parts: Mapping[str, Till] = {"ours": Till([100, 200, 300]), "theirs": Till([100, 200, 300, 400])}
    asked: list[str] = []

    def fetch(collection: Collection, ask: Ask) -> bytes:
        asked.append(str(ask.body["part"]))
        return parts[asked[-1]].fetch(collection, ask)

    pager = Each(windowed(), ("ours", "theirs"), lambda part: Ask(body={"part": part}))
    collection = Collection("/x", "data", pager, body={})
    found, _ = read(Walk(collection, fetch, misread, lambda: NOW))
    gone = Each(Numbered("page", ("size", 1)), ("theirs",), lambda part: Ask())

    assert found == {100, 200, 300, 400}
    assert asked == ["ours"] * 3 + ["theirs"] * 4
    place = {"leg": "ours", "began": 0, "low": 0, "inner": {}}
    assert gone.turn(place, None, 0) == {"leg": "theirs", "began": 0, "low": 0, "inner": {}}  # type: ignore[arg-type]
