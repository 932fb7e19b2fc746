"""One HubSpot object type, page by page: the full listing, what changed since, and what was archived.

Contacts and the objects of the streams are walked alike. The records stay undecoded; whose they are, and what they say,
is left to whoever asked for the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from connectors import hubspot_wire as wire
from connectors.base import Cursor, Page, Raw
from connectors.codecs import millis
from connectors.http import Http, Response
from connectors.paging import Watermark
from mapping.model import Millis

T = TypeVar("T")
LIST_SIZE, SEARCH_SIZE = 100, 200
OVERLAP: Millis = 120_000
"""How late the search index may show a change."""


class Decoded(Protocol):
    """Reads a good answer; fails in the connector's words where it is none."""

    def __call__(self, decoder: msgspec.json.Decoder[T], response: Response, operation: str) -> T: ...


@dataclass(frozen=True, slots=True)
class Source:
    """One object type as the SDK lists and searches it. `stamp` is the property that says when a record changed."""

    kind: str
    stamp: str
    wanted: Callable[[], Sequence[str]]
    page: Callable[..., Any]
    search: Callable[..., Any]


class Slice(NamedTuple):
    """A page of a walk, and whether its records are archived ones."""

    page: Page
    archived: bool


@dataclass(frozen=True, slots=True)
class Walk:
    """Slices of one source. A search is never paged: each is a query of its own from the last stamp seen."""

    source: Source
    http: Http
    decoded: Decoded
    now: Callable[[], Millis]

    def slices(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Slice]:
        """By the rules of `Connector.pages`."""
        place = self._begin(cursor, full=full)
        while True:
            found = self._listed(place) if place["do"] == "list" else self._searched(place)
            yield found
            if found.page.last:
                return
            place = found.page.cursor

    def _begin(self, cursor: Cursor | None, *, full: bool) -> Cursor:
        if cursor is not None and cursor["do"] != "done":
            return cursor
        began = self.now()
        if cursor is None or full:
            return {"do": "list", "archived": False, "after": "", "began": began, "best": 0, "mark": None}
        mark = Watermark.of(cursor["mark"])
        low = mark.start(OVERLAP)
        return {"do": "search", "low": low, "tie": "", "edge": [], "began": began, "best": 0, "mark": cursor["mark"]}

    # -- listing ------------------------------------------------------------------------------------------------

    def _listed(self, place: Cursor) -> Slice:
        """A page of the full listing, or of the archived records at the end of either kind of pull."""
        after, archived = place["after"], place["archived"]
        more = {"after": after} if after else {}
        response = self.source.page(
            limit=LIST_SIZE, properties=list(self.source.wanted()), archived=archived, _preload_content=False, **more
        )
        answer = self.decoded(wire.listing, response, f"list {self.source.kind}")
        records, refused, heads = self._heads(answer.results)
        best = place["best"] if archived else max([place["best"], *(millis(head.updatedAt) for head in heads)])
        total = None
        if place["mark"] is None and not archived and not after:
            total = self._count()
        if answer.after:
            if answer.after == after:
                raise self.http.misread(f"list {self.source.kind}", "the next page is the same page again")
            cursor = {**place, "after": answer.after, "best": best}
        elif not archived:
            cursor = {**place, "archived": True, "after": "", "best": best}
        else:
            return Slice(self._end({**place, "best": best}, records, refused), archived)
        return Slice(Page(records, cursor, total, refused=refused), archived)

    def _end(self, place: Cursor, records: list[Raw], refused: list[tuple[str, str]]) -> Page:
        """The last page of a pull, with the cursor that the next one begins from."""
        now = self.now()
        whole = place["mark"] is None
        if whole:
            mark = Watermark.after_full(place["best"], place["began"], now)
        else:
            mark = Watermark.of(place["mark"]).after(place["best"], place["began"], now, OVERLAP)
        return Page(records, {"do": "done", "mark": mark.stored()}, last=True, complete=whole, refused=refused)

    # -- what changed -------------------------------------------------------------------------------------------

    def _searched(self, place: Cursor) -> Slice:
        """A page of what changed since `low`, oldest first.

        Each page is a query of its own from the last stamp seen, never a further page of one query: a record that
        changes meanwhile moves to the end, and would push another one over the edge between two pages.
        """
        low, tie, stamp = place["low"], place["tie"], self.source.stamp
        filters = [{"propertyName": stamp, "operator": "EQ" if tie else "GTE", "value": str(low)}]
        if tie:
            filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": tie})
        answer = self.search(filters, "hs_object_id" if tie else stamp, SEARCH_SIZE)
        records, refused, heads = self._heads(answer.results)
        stamps = [millis(head.properties.changed or head.updatedAt) for head in heads]
        full = len(answer.results) >= SEARCH_SIZE and bool(heads)
        best = max([place["best"], *stamps])
        new = [record for record in records if record.remote_id not in place["edge"]]
        if tie:
            walked = {**place, "tie": heads[-1].id} if full else {**place, "low": low + 1, "tie": "", "edge": []}
            return Slice(Page(new, walked | {"best": best}, refused=refused), archived=False)
        if stamps != sorted(stamps):
            raise self.http.misread(f"search {self.source.kind}", "the results are not in the order that we asked for")
        if not full:
            cursor = {**place, "do": "list", "archived": True, "after": "", "best": best}
        elif stamps[-1] == low:
            # A whole page of one stamp: walk its records by id, from the start.
            cursor = {**place, "tie": "0", "edge": [], "best": best}
        else:
            edge = [head.id for head, stamp in zip(heads, stamps, strict=True) if stamp == stamps[-1]]
            cursor = {**place, "low": stamps[-1], "edge": edge, "best": best}
        return Slice(Page(new, cursor, answer.total, refused=refused), archived=False)

    def search(self, filters: list[dict[str, str]], order: str, limit: int) -> wire.Listing:
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
            "properties": list(self.source.wanted()),
            "limit": limit,
        }
        response = self.source.search(msgspec.json.encode(body), _preload_content=False)
        return self.decoded(wire.listing, response, f"search {self.source.kind}")

    def _count(self) -> int | None:
        """How many there are, for the progress bar; search knows, the list does not."""
        body = b'{"filterGroups":[],"properties":["hs_object_id"],"limit":1}'
        response = self.source.search(body, _preload_content=False)
        return self.decoded(wire.listing, response, f"search {self.source.kind}").total if response.ok else None

    def _heads(self, results: list[msgspec.Raw]) -> tuple[list[Raw], list[tuple[str, str]], list[wire.Head]]:
        records, refused, heads = [], [], []
        for result in results:
            try:
                head = wire.head.decode(result)
            except msgspec.DecodeError as error:
                refused.append(("", f"an entry of the list of {self.source.kind} is none: {error}"))
                continue
            heads.append(head)
            records.append(Raw.of(head.id, bytes(result)))
        return records, refused, heads
