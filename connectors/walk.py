"""Walking a collection: the whole listing, or what changed since, page by page, with a cursor after each.

A `Collection` is data: where it lies, how it is asked, how its pages are turned, what names a record and what says when
it changed. The walk keeps the rules that every platform needs: it never goes to one place twice, looks further back
where records moved away under it, begins an incremental pull one overlap before the newest stamp it read
(`connectors.paging`), and says of a listing whether it was whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from connectors.base import Cursor, Page, Raw
from connectors.codecs import iso_z, millis
from connectors.errors import Misread
from connectors.moving import MOST_BACKS, TAIL
from connectors.pagers import Ask, Offset, Pager, Place
from connectors.paging import Watermark, done
from connectors.paths import Envelope, bury, dig, merged
from connectors.windows import Begins, legs
from mapping.model import Millis


@dataclass(frozen=True, slots=True)
class Since:
    """How what changed is asked for: *parameter* with a moment *spelled*, and *query* that sorts by it where there is.

    *overlap* is how late a change may show. *before*: "after" may leave out the moment itself, so that much earlier is
    asked for. *within*: changes are told of so long ago at most, and beyond it everything is listed. Without a
    *parameter* the pager asks for what changed (`connectors.windows`).
    """

    parameter: str
    overlap: Millis
    spelled: Callable[[Millis], Any] = iso_z
    query: Sequence[tuple[str, Any]] = ()
    before: Millis = 0
    within: Millis = 0


@dataclass(frozen=True, slots=True)
class NewestFirst:
    """There is no asking for what changed, but what changed last is listed first: one reads on until something lies one
    *overlap* before the newest that is known."""

    overlap: Millis


@dataclass(frozen=True, slots=True)
class Collection:
    """Records of one kind, and how they are listed.

    *items* is the path of the list in an answer, *id* and *stamp* are paths in a record, *total* the path of the number
    of all. *since* (None: there is no asking for changes, and each pull is a full listing) goes where the pager's own
    parameters go: into the query, or with *body* (what is always in it) into the body of a POST.

    *unfolds*: what is listed are entries that the walk's *dressed* makes records of, such as posts with their comments;
    the stamp that counts is the entry's, at this path.
    """

    path: str
    items: str
    pager: Pager
    id: str = "id"
    stamp: str = ""
    since: Since | NewestFirst | None = None
    query: Sequence[tuple[str, Any]] = ()
    body: Mapping[str, Any] | None = None
    total: str = ""
    operation: str = ""
    unfolds: str = ""

    @property
    def name(self) -> str:
        """What its calls are counted and named as."""
        return self.operation or f"list {self.path.rpartition('/')[2]}"

    def head(self, body: Mapping[str, Any]) -> tuple[str, Millis]:
        """What names a record, and when it changed."""
        stamp = dig(body, self.stamp) if self.stamp else None
        named = dig(body, self.id)
        return "" if named is None else str(named), millis(str(stamp)) if stamp else 0


class Fetch(Protocol):
    """Gets one page; the body of a good answer."""

    def __call__(self, collection: Collection, ask: Ask) -> bytes: ...


@dataclass(slots=True)
class Walk:
    """Pages of one collection. *dressed* may add to records what has to be asked for separately."""

    collection: Collection
    fetch: Fetch
    misread: Callable[[str, str], Misread]
    now: Callable[[], Millis]
    dressed: Callable[[list[bytes]], list[bytes]] = list
    _been: set[bytes] = field(default_factory=set)

    def pages(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Page]:
        """By the rules of `Connector.pages`."""
        at = self._begin(cursor, full)
        while True:
            page = self._page(at)
            yield page
            if page.last:
                return
            at = page.cursor

    def _begin(self, cursor: Cursor | None, full: bool) -> Cursor:
        if cursor is not None and cursor["do"] != "done":
            return cursor
        began, since = self.now(), self.collection.since
        start: Cursor = {"place": self._first(began), "tail": [], "began": began, "best": 0}
        if cursor is None or full or since is None:
            return {"do": "list", **start, "mark": None}
        low = Watermark.of(cursor["mark"]).start(since.overlap)
        if isinstance(since, Since) and since.within and began - low > since.within:
            return {"do": "list", **start, "mark": None}
        return {"do": "changes", **start, "place": self._first(began, low), "mark": cursor["mark"], "low": low}

    def _first(self, began: Millis, low: Millis = 0) -> Place:
        pager = self.collection.pager
        return pager.begins(began, low) if isinstance(pager, Begins) else {}

    def _page(self, at: Cursor) -> Page:
        collection, place = self.collection, at["place"]
        answer = Envelope(self.fetch(collection, self._ask(at)))
        try:
            found = answer.items(collection.items)
            onward = collection.pager.turn(place, answer, len(found))
            total = answer.value(collection.total) if collection.total else None
        except (msgspec.DecodeError, ValueError) as error:
            raise self.misread(collection.name, f"an answer has not the documented shape ({error})") from error
        records, refused, best = self._records(found, at["best"])
        ids = [record.remote_id for record in records]
        stamps: list[Millis] = []
        if collection.unfolds:
            ids, stamps = self._entries(found)
            best = max([best, *stamps])
        if (back := self._back(at, ids)) is not None:
            self._been.clear()
            backs = at.get("backs", 0) + 1
            return Page(records, {**at, "place": back, "backs": backs, "back": True, "best": best}, refused=refused)
        if onward is not None and not self._all_known(at, stamps):
            self._refuse_circles(place, onward, [] if at.get("back") else at["tail"], ids)
            tail = ids[-TAIL:] if legs(place) == legs(onward) else []
            after = {**at, "place": onward, "tail": tail, "back": False, "best": best}
            return Page(records, after, total if isinstance(total, int) else None, refused=refused)
        return self._last(at, records, refused, best)

    def _entries(self, found: list[bytes]) -> tuple[list[str], list[Millis]]:
        """What names each entry, were it by its own bytes, and when it changed."""
        bodies = [msgspec.json.decode(body) for body in found]
        stamps = [millis(str(dig(body, self.collection.unfolds) or "")) for body in bodies]
        names = [
            str(dig(body, "id") or hashlib.blake2b(raw, digest_size=12).hexdigest())
            for body, raw in zip(bodies, found, strict=True)
        ]
        return names, stamps

    def _all_known(self, at: Cursor, stamps: Sequence[Millis]) -> bool:
        """Whether whatever follows was read before."""
        newest_first = isinstance(self.collection.since, NewestFirst) and at["do"] == "changes"
        return newest_first and any(stamp < at["low"] for stamp in stamps)

    def _back(self, at: Cursor, ids: list[str]) -> Place | None:
        """A place further back, where pages move up when records leave and nobody of the page before is on this one."""
        pager = self.collection.pager
        if not isinstance(pager, Offset) or at.get("backs", 0) >= MOST_BACKS:
            return None
        late = bool(at["tail"]) and set(at["tail"]).isdisjoint(ids)
        return pager.back(at["place"]) if late else None

    def _ask(self, at: Cursor) -> Ask:
        collection, since = self.collection, self.collection.since
        asked = collection.pager.ask(at["place"])
        if asked.url:
            return asked
        query, body = [*collection.query, *asked.query], merged(collection.body or {}, asked.body)
        if at["do"] == "changes" and isinstance(since, Since) and since.parameter:
            moment = since.spelled(max(0, at["low"] - since.before))
            if collection.body is None:
                query += [(since.parameter, moment), *since.query]
            else:
                bury(body, since.parameter, moment)
        return Ask(query, body)

    def _records(self, found: list[bytes], best: Millis) -> tuple[list[Raw], list[tuple[str, str]], Millis]:
        records: list[Raw] = []
        refused: list[tuple[str, str]] = []
        for body in self.dressed(found):
            try:
                identity, stamp = self.collection.head(msgspec.json.decode(body, type=dict[str, Any]))
            except msgspec.DecodeError as error:
                refused.append(("", f"an entry of the list is no record: {error}"))
                continue
            if not identity:
                refused.append(("", "a record without an id"))
                continue
            records.append(Raw.of(identity, body))
            best = max(best, stamp)
        return records, refused, best

    def _refuse_circles(self, place: Place, onward: Place, tail: list[str], ids: list[str]) -> None:
        """A platform that names a page that we come from, or gives the same page again, would be read for ever."""
        self._been.add(msgspec.json.encode(place))
        same = len(tail) == TAIL and tail == ids[-TAIL:] and legs(place) == legs(onward)
        if same or msgspec.json.encode(onward) in self._been:
            raise self.misread(self.collection.name, "the next page is one that was read already")

    def _last(self, at: Cursor, records: list[Raw], refused: list[tuple[str, str]], best: Millis) -> Page:
        since = self.collection.since
        end = done(at["mark"], best, at["began"], self.now(), since.overlap if since is not None else 0)
        whole = at["mark"] is None and not refused
        return Page(records, end, last=True, complete=whole, refused=refused)
