"""Asking again: listings that move while they are read, readings that do not hold still, jobs that take their time."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from connectors.asking import finished, settled, turned
from connectors.errors import Misread
from connectors.moving import MOST_BACKS, Spot, rows
from connectors.pagers import Ask, Offset
from connectors.walk import Collection, Walk

SIZE = 6


def refuse(text: str) -> Misread:
    return Misread(f"list things: {text}")


def misread(operation: str, what: str) -> Misread:
    return Misread(f"{operation}: {what}")


# -- pages -------------------------------------------------------------------------------------------------------------


def test_each_answer_comes_with_the_place_after_it() -> None:
    """In order, from the place on that one begins at; the last has none after it."""
    pages = {"": "b", "b": "c", "c": None}

    def onward(place: str, _: str) -> str | None:
        return pages[place]

    whole = turned("", str.upper, onward, refuse)
    rest = turned("c", str.upper, onward, refuse)

    assert [*whole] == [("", "b"), ("B", "c"), ("C", None)]
    assert [*rest] == [("C", None)]


@pytest.mark.parametrize("circle", [{"": ""}, {"": "b", "b": ""}, {"": "b", "b": "c", "c": "b"}])
def test_a_circle_is_refused(circle: dict[str, str]) -> None:
    """Before any place is asked for twice, and in the words of whoever asks."""
    asked: list[str] = []

    def ask(place: str) -> str:
        asked.append(place)
        return place

    def onward(place: str, _: str) -> str | None:
        return circle[place]

    pages = turned("", ask, onward, refuse)
    with pytest.raises(Misread, match="list things: the next page is one that was read already"):
        list(pages)
    assert sorted(asked) == sorted(circle)


def test_an_answer_that_cannot_be_right_is_refused() -> None:
    """What is wrong with it stands in the failure."""

    def onward(at: int, answer: int) -> int | None:
        raise ValueError("the results are upside down")

    pages = turned(0, int, onward, refuse)
    with pytest.raises(Misread, match="list things: the results are upside down"):
        next(pages)


# -- offsets over a moving set -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE - 1, 50])
def test_a_set_that_stands_still_is_read_once(count: int) -> None:
    """Each row once, in order, and no page more than it takes: a short one is the last."""
    there, asked = [f"{n}" for n in range(count)], list[int]()

    def ask(offset: int) -> list[str]:
        asked.append(offset)
        return there[offset : offset + SIZE]

    assert list(rows(ask, str, SIZE, refuse)) == there
    assert asked == [n * (SIZE - 1) for n in range(max(0, count - 1) // (SIZE - 1) + 1)][: len(asked)]
    assert len(asked) <= count // (SIZE - 1) + 1


@pytest.mark.parametrize("most", [1, 3, 3 * SIZE])
def test_nobody_is_missed_and_nobody_comes_twice(most: int) -> None:
    """Whoever stays is read, however many leave and arrive between two pages; nobody is told twice."""
    for seed in range(300):
        dice = Random(seed)
        there = [f"{n}" for n in range(dice.randrange(60))]
        stayed = set(there)

        def ask(offset: int, dice: Random = dice, there: list[str] = there, stayed: set[str] = stayed) -> list[str]:
            page = there[offset : offset + SIZE]
            for n in range(dice.randrange(most + 1) if dice.random() < 0.5 else 0):
                if dice.random() < 0.7 and there:
                    stayed.discard(there.pop(dice.randrange(len(there))))
                else:
                    there.insert(dice.randrange(len(there) + 1), f"new {offset} {n} {dice.random()}")
            return page

        found = list(rows(ask, str, SIZE, refuse))

        assert len(found) == len(set(found))
        assert stayed <= set(found), seed


def test_a_platform_that_knows_no_offset_is_refused() -> None:
    """The same page for ever is a failure, and soon."""
    asked: list[int] = []

    def ask(offset: int) -> list[str]:
        asked.append(offset)
        return [f"{n}" for n in range(SIZE)]

    with pytest.raises(Misread, match="the same page again"):
        list(rows(ask, str, SIZE, refuse))
    assert asked == [0, SIZE - 1]


def test_an_order_that_never_holds_still_ends() -> None:
    """One goes back so often, and then no more."""
    asked: list[int] = []

    def ask(offset: int) -> list[str]:
        asked.append(offset)
        return [f"{len(asked)} {n}" for n in range(SIZE if offset < 10 * SIZE else 1)]

    list(rows(ask, str, SIZE, refuse))

    assert len(asked) < 4 * MOST_BACKS


def test_a_page_read_again_after_going_back_is_no_circle() -> None:
    """Where only a glance was wrong, the page before shows the very same rows as it did."""
    spot = Spot().turn(["a", "b", "c", "d"], 4, 4)
    assert spot is not None
    late = spot.turn(["x", "y"], 2, 4)
    assert late is not None
    again = late.turn(["a", "b", "c", "d"], 4, 4)

    assert (spot.offset, late.offset, late.back) == (3, 0, True)
    assert again == Spot(3, ["b", "c", "d"], 1)


def test_a_walk_looks_back_as_far_as_it_takes() -> None:
    """Several pages' worth of records vanish between two pages of a collection: whoever stays is read."""
    there = [f"{n}" for n in range(60)]
    asked: list[int] = []

    def fetch(collection: Collection, ask: Ask) -> bytes:
        offset = dict(ask.query)["offset"]
        asked.append(offset)
        page = there[offset : offset + SIZE]
        if len(asked) == 6:
            del there[:26]
        return msgspec.json.encode([{"id": one} for one in page])

    collection = Collection("/things", "", Offset("offset", ("limit", SIZE)))
    found = {
        record.remote_id for page in Walk(collection, fetch, misread, lambda: 1).pages(None) for record in page.records
    }

    assert set(there) <= found
    assert max(asked) == 30


def test_a_walk_whose_order_never_holds_still_ends() -> None:
    """It goes back so often, and then no more."""
    asked: list[int] = []

    def fetch(collection: Collection, ask: Ask) -> bytes:
        offset = dict(ask.query)["offset"]
        asked.append(offset)
        return msgspec.json.encode([{"id": f"{len(asked)} {n}"} for n in range(SIZE if offset < 10 * SIZE else 1)])

    collection = Collection("/things", "", Offset("offset", ("limit", SIZE)))
    pages = list(Walk(collection, fetch, misread, lambda: 1).pages(None))

    assert pages[-1].last
    assert len(asked) < 4 * MOST_BACKS


# -- readings and jobs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("still_at", "told"), [(1, (1, True)), (2, (2, True)), (9, (3, False))])
def test_what_moves_is_read_again(still_at: int, told: tuple[int, bool]) -> None:
    """Until it holds still, and so often at most."""
    read: list[int] = []

    def reading() -> tuple[int, bool]:
        read.append(1)
        return len(read), len(read) >= still_at

    assert settled(reading, 3) == told


def test_a_job_is_looked_at_less_and_less_often() -> None:
    """Pauses grow up to ten seconds; patience ends, and who is done at once waits for nothing."""
    slept: list[float] = []

    assert finished(7, lambda job: job > 3, lambda job: job + 1, slept.append, 60) == 7
    assert slept == []
    assert finished(0, lambda job: job > 3, lambda job: job + 1, slept.append, 60) == 4
    assert slept == [0.25, 0.5, 1.0, 2.0]
    assert finished(0, lambda _: False, lambda job: job, slept.append, 60) is None
    assert max(slept) == 10.0
    assert sum(slept) < 80
