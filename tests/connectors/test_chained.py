"""Several listings as one: each goes on from its own place, and together they are whole or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from connectors.base import Page
from connectors.chained import Part, chained
from connectors.codecs import unix_seconds
from connectors.errors import Misread
from connectors.pagers import Ask, Cursored
from connectors.walk import Collection, NewestFirst, Since, Walk

NOW = 1_767_225_600_000


class Shelf:
    """Lists by path, two on a page; entries are (id, second)."""

    def __init__(self, **lists: list[tuple[str, int]]) -> None:
        self.lists, self.asked = lists, list[tuple[str, dict[str, Any]]]()

    def fetch(self, collection: Collection, ask: Ask) -> bytes:
        query = dict(ask.query)
        self.asked.append((collection.path, query))
        found = [
            {"id": one, "at": f"{at * 1000}"} for one, at in self.lists[collection.path] if at >= query.get("from", 0)
        ]
        start = int(query.get("after", 0))
        onward = str(start + 2) if start + 2 < len(found) else None
        return msgspec.json.encode({"data": found[start : start + 2], "next": onward})

    def walk(self, collection: Collection, dressed: Callable[[list[bytes]], list[bytes]]) -> Walk:
        return Walk(collection, self.fetch, lambda name, why: Misread(f"{name}: {why}"), lambda: NOW, dressed)


def part(name: str, since: Since | NewestFirst | None = None, unfolds: str = "") -> Part:
    pager = Cursored("after", "next")
    return Part(name, Collection(name, "data", pager, stamp="" if unfolds else "at", since=since, unfolds=unfolds))


def ids(pages: list[Page]) -> list[str]:
    return [raw.remote_id for page in pages for raw in page.records]


def test_one_after_the_other_and_the_last_page_is_the_last_ones() -> None:
    """Complete where each was read whole, in one go."""
    shelf = Shelf(a=[("1", 1), ("2", 2), ("3", 3)], b=[("4", 1)])

    pages = list(chained((part("a"), part("b")), shelf.walk, None, full=False))

    assert ids(pages) == ["1", "2", "3", "4"]
    assert [(page.last, page.complete) for page in pages] == [(False, False), (False, False), (True, True)]


@pytest.mark.parametrize("broken_after", [0, 1])
def test_it_goes_on_where_it_was_broken_off(broken_after: int) -> None:
    """Within a part or after one; and it is not called complete, since the first half was another day's."""
    shelf = Shelf(a=[("1", 1), ("2", 2), ("3", 3)], b=[("4", 1)])
    parts = (part("a"), part("b"))
    first = list(chained(parts, shelf.walk, None, full=False))[: broken_after + 1]

    rest = list(chained(parts, shelf.walk, first[-1].cursor, full=False))

    assert ids([*first, *rest]) == ["1", "2", "3", "4"]
    assert (rest[-1].last, rest[-1].complete) == (True, False)


def test_each_part_asks_for_its_own_news() -> None:
    """From its own newest; a new part is read whole, and one that is gone is forgotten."""
    shelf = Shelf(a=[("1", 1), ("2", 50)], b=[("3", 900)], c=[("4", 2)])
    since = Since("from", 0, unix_seconds)
    cursor = list(chained((part("a", since), part("b", since)), shelf.walk, None, full=False))[-1].cursor
    shelf.asked.clear()

    pages = list(chained((part("b", since), part("c", since)), shelf.walk, cursor, full=False))

    assert ids(pages) == ["3", "4"]
    assert [(path, query.get("from")) for path, query in shelf.asked] == [("b", 900), ("c", None)]
    assert set(pages[-1].cursor["of"]) == {"b", "c"}


def test_where_there_is_no_part_there_is_nobody() -> None:
    """One empty page, which is the last."""
    (page,) = chained((), Shelf().walk, None, full=False)

    assert (page.records, page.last) == ((), True)


def test_what_changed_last_is_read_first_until_it_is_known() -> None:
    """A listing that cannot be asked for changes is left where nothing new can follow."""
    shelf = Shelf(a=[(str(n), 1000 - n) for n in range(20)])
    one = (part("a", NewestFirst(1000), unfolds="at"),)
    cursor = list(chained(one, shelf.walk, None, full=False))[-1].cursor
    shelf.lists["a"].insert(0, ("new", 2000))
    shelf.asked.clear()

    pages = list(chained(one, shelf.walk, cursor, full=False))

    assert ids(pages) == ["new", "0", "1", "2"]
    assert len(shelf.asked) == 2


def test_people_who_end_two_pages_are_no_circle() -> None:
    """The same somebody may show on each page of entries: what is compared are the entries."""
    shelf = Shelf(a=[(str(n), n) for n in range(6)])
    told = Part("a", part("a", unfolds="at").collection, lambda bodies: [b'{"id": "ada"}', b'{"id": "bo"}'] * 2)

    pages = list(chained((told,), shelf.walk, None, full=False))

    assert set(ids(pages)) == {"ada", "bo"}
    assert len(pages) == 3
