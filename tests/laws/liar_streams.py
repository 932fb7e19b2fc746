"""What the lying platform tells beside its records (calls that change, opened newsletters, lists) and how it lies.

While a stream is paged, something may slip onto a page that was read, or show twice; an index may show the newest late,
or a list as it was; an answer may be lost on the way; a stream may break off. What was left out is told the next time,
for its cursor never passes it: that much is the connector's part.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from connectors.base import Connector, Cursor, Listed, Raw, Stream, StreamPage
from connectors.errors import Later, MaybeSent
from mapping.facts import By, Channel, Facts, Listing, Touch, Touchpoint, Way

CALLS, OPENS, LISTS = Stream("calls", "Calls"), Stream("opens", "Opened", events=True), Stream("lists", "Lists")
STREAMS = (CALLS, OPENS, LISTS)

T = TypeVar("T")


class Lie(StrEnum):
    """What may be wrong with one pull of one stream."""

    TWICE = "page shift, told twice"
    LEFT_OUT = "page shift, left out"
    LATE = "late index"
    LOST = "lost answer"


@dataclass(slots=True)
class Call:
    """Somebody called somebody, or more than one; deleted ones are told as gone."""

    id: str
    who: tuple[str, ...]
    at: int
    modified: int
    gone: bool = False


@dataclass(slots=True)
class Opened:
    """A newsletter was opened, by address. Never changes."""

    key: str
    address: str
    at: int


@dataclass
class Beside:
    """What the platform knows beside its records. `were` is who was on each list before its last change."""

    calls: dict[str, Call] = field(default_factory=dict)
    opens: list[Opened] = field(default_factory=list)
    lists: dict[str, tuple[str, set[str]]] = field(default_factory=dict)  # id → title, records
    were: dict[str, set[str]] = field(default_factory=dict)


class Telling(Connector):
    """The part of the platform, and of its connector, that is no record."""

    streams = STREAMS
    lists = True
    here: str
    clock: Callable[[], int]
    state: Any
    seen: Counter[str]
    made: Counter[str]
    step: Callable[[str], None]
    page_size: int
    lies: list[tuple[str, Lie]]
    breaks_midway: bool
    _fault: Callable[..., str]

    # ---- people --------------------------------------------------------------------------------------------

    def call(self, *who: str) -> None:
        """Somebody of the business calls these."""
        now, identity = self.clock(), f"{self.here}-call{len(self.state.calls) + 1}"
        self.state.calls[identity] = Call(identity, who, now, now)

    def change_call(self, identity: str, *who: str) -> None:
        """It was at another time, with others."""
        call = self.state.calls[identity]
        call.who, call.at = who, call.at + 1
        call.modified = self.clock()

    def delete_call(self, identity: str) -> None:
        call = self.state.calls[identity]
        call.gone, call.modified = True, self.clock()

    def open(self, address: str, *, late: bool = False) -> None:
        """Somebody opens a newsletter; one that is told *late* was opened long before."""
        at = self.clock() - (500_000 if late else 0)
        self.state.opens.append(Opened(f"mail{len(self.state.opens) + 1}", address, at))

    def take_off(self, listing: str, who: str) -> None:
        """Somebody takes a record off a list by hand."""
        self._listing_changes(listing, [who])
        self.state.lists[listing][1].discard(who)

    def listed(self) -> dict[str, list[str]]:
        """Who is on which list, by title; a list of nobody is left out."""
        return {title: sorted(who) for title, who in self.state.lists.values() if who}

    # ---- reading -------------------------------------------------------------------------------------------

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        """Calls that changed, opens from the last one on (it is told twice), all lists."""
        at = dict(cursor) if cursor is not None and not full else {}
        if name == OPENS.name:
            return self._opens(max(0, int(at.get("at", 1)) - 1))
        if name == CALLS.name:
            return self._calls(at)
        return self._lists(at)

    def _calls(self, at: Cursor) -> Iterator[StreamPage]:
        """Where a pull goes on that broke off, it goes on to where it began to go: what changed since comes next."""
        since = int(at.get("since", 0))
        calls = [call for call in self.state.calls.values() if call.modified >= since]
        shown, missing = self._with_a_lie(CALLS, calls)
        upto = int(at.get("upto", 0)) or max((call.modified for call in self.state.calls.values()), default=0)
        upto = min([upto, *(call.modified for call in missing)])
        for part, start, last in self._paged(shown, int(at.get("offset", 0))):
            place = {"since": upto} if last else {"since": since, "offset": start, "upto": upto}
            items = [self._raw_call(call) for call in part if not call.gone]
            yield StreamPage(place, items, gone=[call.id for call in part if call.gone], last=last)

    def _opens(self, start: int) -> Iterator[StreamPage]:
        numbered = list(enumerate(self.state.opens))[start:]
        shown, missing = self._with_a_lie(OPENS, numbered)
        upto = min([len(self.state.opens), *(number for number, _ in missing)])
        for part, _, last in self._paged(shown, 0):
            after = upto if last or not part else min(upto, part[-1][0] + 1)
            yield StreamPage({"at": after}, facts=Facts(touchpoints=[_touch(one) for _, one in part]), last=last)

    def _lists(self, at: Cursor) -> Iterator[StreamPage]:
        lists = [(identity, title, who) for identity, (title, who) in self.state.lists.items()]
        shown, missing = self._with_a_lie(LISTS, lists)
        shown += [(identity, title, self.state.were[identity]) for identity, title, _ in missing if self._shows_late]
        for part, start, last in self._paged(shown, int(at.get("offset", 0))):
            yield StreamPage({"offset": 0 if last else start}, [self._raw_list(*one) for one in part], last=last)

    def _paged(self, shown: Sequence[T], start: int) -> Iterator[tuple[Sequence[T], int, bool]]:
        """Pages of what is shown: each with where the next begins, and whether it is the last."""
        while True:
            if start and self.breaks_midway:
                self.breaks_midway = False
                self.seen["midway"] += 1
                raise Later("broke off between two pages", platform=self.here)
            self._fault(reading=True)
            part, start = shown[start : start + self.page_size], start + self.page_size
            yield part, start, start >= len(shown)
            if start >= len(shown):
                return

    def _with_a_lie(self, stream: Stream, true: Sequence[T]) -> tuple[list[T], list[T]]:
        """What this pull shows of what is *true*, and what of it is missing."""
        told = next((lie for name, lie in self.lies if name == stream.name), None)
        shown, missing = list(true), list[T]()
        self._shows_late = told is Lie.LATE and stream is LISTS
        if told is None or not shown:
            return shown, missing
        self.lies.remove((stream.name, told))
        self.seen[f"{stream.name}: {told.value}"] += 1
        if told is Lie.LOST:
            raise Later("no answer", platform=self.here)
        middle = len(shown) // 2
        if told is Lie.TWICE:
            shown.insert(middle, shown[max(0, middle - self.page_size)])
        else:
            missing.append(shown.pop(-1 if told is Lie.LATE else middle))
        return shown, missing

    _shows_late = False

    def facts(self, name: str, item: Raw) -> Facts:
        body = json.loads(item.body)
        if name == LISTS.name:
            return Facts(listings=[Listing(item.remote_id, body["title"], tuple(body["who"]), "static")])
        called, phone = Touch.CALLED, Channel.PHONE
        return Facts(
            touchpoints=[
                Touchpoint(item.remote_id, who, called, body["at"], phone, Way.OUT, By.PERSON) for who in body["who"]
            ]
        )

    def _raw_call(self, call: Call) -> Raw:
        return Raw.of(call.id, json.dumps({"who": call.who, "at": call.at}).encode())

    def _raw_list(self, identity: str, title: str, who: set[str]) -> Raw:
        return Raw.of(identity, json.dumps({"title": title, "who": sorted(who)}).encode())

    # ---- writing -------------------------------------------------------------------------------------------

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        fault = self._fault(reading=False)
        self.step(f"{self.here} list before")
        self.made["list"] += len(add) + len(remove)
        refused = {}
        if fault in ("refuse", "partial"):
            refused = dict.fromkeys([*add, *remove][: None if fault == "refuse" else 1], "invalid")
        refused |= {i: "not there any more" for i in (*add, *remove) if self.state.rows[i].gone}
        known = [identity for identity, (called, _) in self.state.lists.items() if called == title]
        identity = listing or next(iter(known), f"{self.here}-list{len(self.state.lists) + 1}")
        _, there = self.state.lists.setdefault(identity, (title, set()))
        on, off = set(add) - refused.keys() - there, (set(remove) - refused.keys()) & there
        self._listing_changes(identity, sorted(on | off))
        there |= on
        there -= off
        self.step(f"{self.here} list after")
        if fault == "lost_answer":
            self.seen["lists: lost answer of a write"] += 1
            raise MaybeSent("the answer was lost", platform=self.here)
        return Listed(identity, refused)

    def _listing_changes(self, listing: str, who: Sequence[str]) -> None:
        """Keep who was on a list; where lists are tags, the records of those who come and go change with it."""
        self.state.were[listing] = set(self.state.lists[listing][1])
        for identity in who if self.lists_are_tags else ():
            self.state.rows[identity].modified = self.clock()

    def _with_lists(self, row: Any) -> dict[str, Any]:
        """A record's fields as the platform shows them: its lists among the tags, where lists are tags."""
        on = [title for title, who in self.state.lists.values() if self.lists_are_tags and row.id in who]
        return {**row.fields, "tags": sorted({*row.fields.get("tags", ()), *on})} if on else row.fields


def _touch(one: Opened) -> Touchpoint:
    return Touchpoint(one.key, one.address, Touch.OPENED, one.at, way=Way.IN, by=By.PERSON)
