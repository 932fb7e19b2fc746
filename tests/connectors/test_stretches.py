"""Pulls in two stretches, over a platform that changes between any two pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import msgspec
import pytest

from connectors.base import Cursor, Raw
from connectors.errors import Misread
from connectors.pagers import Place
from connectors.stretches import Pull, Stretch, headed
from connectors.turnings import ByStamp, ByStampThenId, Offsets, Sheet, Tokens, Turning

SIZE, OVERLAP = 5, 60
Row = tuple[str, int, bool]
"""A record: what names it, when it changed, whether it is archived."""


def misread(operation: str, what: str) -> Misread:
    return Misread(f"{operation}: {what}")


@dataclass
class Town:
    """A platform. Its rows stand in the order in which they were made; *moves* is what happens between two pages."""

    moves: Callable[[Town], None] = lambda _: None
    rows: list[Row] = field(default_factory=list)
    now: int = 1000
    asked: int = 0
    made: int = 0

    def make(self, count: int, at: int | None = None) -> None:
        for _ in range(count):
            self.made += 1
            self.rows.append((f"{self.made:04}", self.now if at is None else at, False))

    def change(self, place: int, *, archived: bool | None = None) -> None:
        name, _, put_away = self.rows[place]
        self.rows[place] = (name, self.now, put_away if archived is None else archived)

    def answer(self, chosen: Sequence[Row], start: int = 0, token: str = "") -> Sheet:
        page = chosen[start : start + SIZE]
        self.asked += 1
        self.now += 1
        self.moves(self)
        records = [Raw.of(name, msgspec.json.encode([stamp, put_away])) for name, stamp, put_away in page]
        ids, stamps = [name for name, _, _ in page], [stamp for _, stamp, _ in page]
        return Sheet(records, [], ids, stamps, len(page), len(chosen), token)

    def _those(self, archived: bool) -> list[Row]:
        return [row for row in self.rows if row[2] is archived]

    def by_token(self, archived: bool, place: Place) -> Sheet:
        chosen = [row for row in self._those(archived) if row[0] > place["after"]]
        return self.answer(chosen, token=chosen[SIZE - 1][0] if len(chosen) > SIZE else "")

    def by_offset(self, archived: bool, place: Place) -> Sheet:
        return self.answer(self._those(archived), place["offset"])

    def by_stamp(self, archived: bool, place: Place) -> Sheet:
        chosen = sorted((row for row in self._those(archived) if row[1] >= place["from"]), key=lambda row: row[1])
        return self.answer(chosen, place["offset"])

    def by_stamp_then_id(self, archived: bool, place: Place) -> Sheet:
        there = self._those(archived)
        if place["tie"]:
            return self.answer(sorted(row for row in there if row[1] == place["from"] and row[0] > place["tie"]))
        return self.answer(sorted((row for row in there if row[1] >= place["from"]), key=lambda row: row[1]))


def unstamped(sheet: Sheet, archived: bool) -> Sheet:
    """When archived ones changed says nothing of how far changes were read, where they are always listed whole."""
    return sheet._replace(stamps=[]) if archived else sheet


def pull(town: Town, style: str) -> Pull:
    def two(ask: Callable[[bool, Place], Sheet], turning: Turning) -> tuple[Stretch, Stretch]:
        return (
            Stretch("list", lambda place: ask(False, place), turning),
            Stretch("list archived", lambda place: ask(True, place), turning),
        )

    if style == "offset":
        whole, changes = two(town.by_offset, Offsets(SIZE)), two(town.by_stamp, ByStamp(SIZE))
        return Pull(whole, changes, OVERLAP, misread, lambda: town.now, counted=True)
    whole = two(lambda archived, place: unstamped(town.by_token(archived, place), archived), Tokens())
    changed = two(town.by_stamp_then_id, ByStampThenId(SIZE))
    return Pull(whole, (changed[0], whole[1]), 0, misread, lambda: town.now)


@dataclass
class Image:
    """What was read of a town."""

    town: Town
    style: str
    cursor: Cursor | None = None
    shown: dict[str, Row] = field(default_factory=dict)
    times: dict[Row, int] = field(default_factory=dict)
    complete: bool = False

    def read(self, pages: int = 1000, *, full: bool = False) -> None:
        """Pull, at most so many *pages* of it."""
        for found, _ in zip(pull(self.town, self.style).slices(self.cursor, full=full), range(pages), strict=False):
            for record in found.page.records:
                stamp, put_away = msgspec.json.decode(record.body)
                row = (record.remote_id, stamp, put_away)
                self.shown[record.remote_id] = row
                self.times[row] = self.times.get(row, 0) + 1
                assert put_away is found.archived
            self.cursor, self.complete = found.page.cursor, found.page.complete


def stirred(dice: Random) -> Callable[[Town], None]:
    def moves(town: Town) -> None:
        for _ in range(dice.randrange(4) if dice.random() < 0.4 else 0):
            if not town.rows or dice.random() < 0.2:
                town.make(1)
            elif dice.random() < 0.4:
                town.rows.pop(dice.randrange(len(town.rows)))
            else:
                town.change(dice.randrange(len(town.rows)), archived=dice.random() < 0.3)

    return moves


@pytest.mark.parametrize("style", ["token", "offset"])
def test_a_town_that_never_sleeps_is_known_in_the_end(style: str) -> None:
    """Rows leave, arrive, change and are archived between any two pages, and pulls are cut and gone on with; once it is
    quiet, one pull more and every row is known as it is."""
    for seed in range(200):
        dice = Random(seed)
        town = Town(stirred(dice))
        town.make(dice.randrange(40), at=dice.choice((1, None)))
        image = Image(town, style)
        for _ in range(3):
            image.read(dice.choice((1, 4, 1000)))
        town.moves = lambda _: None
        image.read()
        image.read()

        missed = [row for row in town.rows if image.shown.get(row[0]) != row]
        assert missed == [], seed


@pytest.mark.parametrize("style", ["token", "offset"])
def test_a_quiet_town_is_read_whole_and_then_not_again(style: str) -> None:
    """The listing is complete; afterwards what changed comes, and what was archived."""
    town = Town()
    town.make(23)
    for place in range(4):
        town.now += 1
        town.change(place, archived=True)
    town.change(10)
    image = Image(town, style)
    image.read()
    whole, shown = image.complete, dict(image.shown)
    there = {row[0]: row for row in town.rows}
    town.now += OVERLAP
    image.read()
    town.now += OVERLAP
    town.change(20)
    image.times.clear()
    image.read()

    assert (whole, image.complete) == (True, False)
    assert shown == there
    assert town.rows[20] in image.times
    assert len([row for row in image.times if not row[2]]) <= 2


@pytest.mark.parametrize("count", [SIZE - 1, SIZE, SIZE + 1, 4 * SIZE])
def test_many_of_one_stamp_come(count: int) -> None:
    """Where one may ask by stamp and id, all come, on whichever edge of a page they lie, and none more than twice."""
    town = Town()
    image = Image(town, "token")
    image.read()
    town.now += 1
    town.make(count)
    town.now += 1
    town.make(count + 2)
    image.read()

    assert set(image.times) == set(town.rows)
    assert max(image.times.values()) <= 2


@pytest.mark.parametrize("style", ["token", "offset"])
def test_who_changes_within_a_tie_hides_nobody(style: str) -> None:
    """Records of one stamp fill several pages; those before the edge change, and move to the end."""
    town = Town()
    town.make(1)
    image = Image(town, style)
    image.read()
    town.now += 1
    town.make(4 * SIZE)

    def moves(town: Town) -> None:
        if 3 < town.asked < 8:
            town.change(town.asked - 3)

    town.moves = moves
    image.read()

    assert set(image.shown) == {row[0] for row in town.rows}


def test_a_listing_that_found_less_than_there_is_was_not_complete() -> None:
    """Where the platform counts: somebody slipped through, whoever it was."""
    town = Town()
    town.make(12)
    image = Image(town, "offset")
    hidden = town.rows[3]
    town.rows[3] = ("0001", *hidden[1:])  # shown under another's name

    image.read()

    assert not image.complete


def test_a_pull_gone_on_with_was_not_counted() -> None:
    """What an earlier run read is not known to this one."""
    town = Town()
    town.make(30)
    image = Image(town, "offset")
    image.read(2)
    image.read()

    assert set(image.shown) == {row[0] for row in town.rows}
    assert not image.complete


@pytest.mark.parametrize(
    "left",
    [
        {"do": "list", "archived": False, "after": "17", "began": 5, "best": 3, "mark": None},
        {"do": "search", "low": 7, "tie": "", "edge": [], "best": 0, "began": 9, "mark": {"top": 7, "seen": 8}},
        {"do": "changes", "set": "", "offset": 5, "tail": ["0001"], "from": 2, "low": 2, "mark": {"top": 7, "seen": 8}},
    ],
)
def test_what_an_earlier_version_left_is_begun_anew(left: Cursor) -> None:
    """A whole listing from its start, changes from the mark before them."""
    if left["mark"]:
        left["mark"]["settled"] = True
    town = Town()
    town.make(9)
    image = Image(town, "offset", left)
    image.read()

    assert set(image.shown) == {row[0] for row in town.rows}
    assert image.complete is (left["mark"] is None)
    assert image.cursor is not None
    assert image.cursor["do"] == "done"


def test_a_token_that_names_its_own_page_is_refused() -> None:
    """Before that page is asked for again."""
    town = Town()
    town.make(30)
    whole = pull(town, "token").whole
    stuck = Stretch("list things", lambda place: whole[0].ask(place)._replace(token="x"), Tokens())
    slices = Pull((stuck, whole[1]), whole, 0, misread, lambda: town.now).slices(None)

    with pytest.raises(Misread, match="list things: the next page is the same page again"):
        list(slices)
    assert town.asked == 2


def test_results_out_of_order_are_refused() -> None:
    """A walk by key set rests on the order: a gap would be the price."""
    place: Place = {"from": 1, "tie": "", "edge": []}

    with pytest.raises(ValueError, match="order that we asked for"):
        ByStampThenId(SIZE).onward(place, Sheet([], [], ["1", "2"], [5, 4], 2))


class Head(msgspec.Struct):
    id: str = ""


def test_an_entry_that_is_no_record_is_told() -> None:
    """Broken entries and nameless ones are refused, and the others are read."""
    entries = [msgspec.Raw(one) for one in (b'{"id":"1","x":2}', b"7", b"{}")]
    records, refused, heads = headed(entries, msgspec.json.Decoder(Head), lambda head: head.id, "things")

    assert [(one.remote_id, one.body) for one in records] == [("1", b'{"id":"1","x":2}')]
    assert [reason.partition(":")[0] for _, reason in refused] == [
        "an entry of the list of things is none",
        "an entry of the list of things has no id",
    ]
    assert heads == [Head("1")]
