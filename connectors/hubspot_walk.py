"""One HubSpot object type as it is pulled: listed, searched for what changed since, and what was archived.

Contacts and the objects of the streams are pulled alike. The records stay undecoded; whose they are, and what they say,
is left to whoever asked for the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from connectors import hubspot_wire as wire
from connectors.base import Cursor
from connectors.codecs import millis
from connectors.http import Http
from connectors.over_http import decoded
from connectors.pagers import Place
from connectors.stretches import Pull, Slice, Stretch, headed
from connectors.turnings import ByStampThenId, Sheet, Tokens
from mapping.model import Millis

LIST_SIZE, SEARCH_SIZE = 100, 200
OVERLAP: Millis = 120_000
"""How late the search index may show a change."""


@dataclass(frozen=True, slots=True)
class Source:
    """One object type as the SDK lists and searches it. `stamp` is the property that says when a record changed."""

    kind: str
    stamp: str
    wanted: Callable[[], Sequence[str]]
    page: Callable[..., Any]
    search: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Walk:
    """Slices of one source. A search is never paged: each is a query of its own from the last stamp seen."""

    source: Source
    http: Http
    now: Callable[[], Millis]

    def slices(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Slice]:
        """By the rules of `Connector.pages`."""
        kind = self.source.kind
        listed = Stretch(f"list {kind}", self._listed, Tokens())
        archived = Stretch(f"list {kind}", self._archived, Tokens())
        searched = Stretch(f"search {kind}", self._searched, ByStampThenId(SEARCH_SIZE))
        pull = Pull((listed, archived), (searched, archived), OVERLAP, self.http.misread, self.now)
        return pull.slices(cursor, full=full)

    def _listed(self, place: Place) -> Sheet:
        sheet, heads = self._sheet(self._page(place["after"], archived=False))
        total = None if place["after"] else self._count()
        return sheet._replace(stamps=[millis(head.updatedAt) for head in heads], total=total)

    def _archived(self, place: Place) -> Sheet:
        """A page of the archived ones. Their stamps say nothing of what a search shows."""
        return self._sheet(self._page(place["after"], archived=True))[0]

    def _page(self, after: str, *, archived: bool) -> wire.Listing:
        more = {"after": after} if after else {}
        response = self.source.page(
            limit=LIST_SIZE, properties=list(self.source.wanted()), archived=archived, _preload_content=False, **more
        )
        return decoded(self.http, wire.listing, response, f"list {self.source.kind}")

    def _searched(self, place: Place) -> Sheet:
        """A page of what changed, oldest first; at a tie of those with one stamp, by id."""
        tie, stamp = place["tie"], self.source.stamp
        filters = [{"propertyName": stamp, "operator": "EQ" if tie else "GTE", "value": str(place["from"])}]
        if tie:
            filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": tie})
        answer = self.search(filters, "hs_object_id" if tie else stamp, SEARCH_SIZE)
        sheet, heads = self._sheet(answer)
        stamps = [millis(head.properties.changed or head.updatedAt) for head in heads]
        return sheet._replace(stamps=stamps, total=None if tie else answer.total)

    def search(self, filters: list[dict[str, str]], order: str, limit: int) -> wire.Listing:
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
            "properties": list(self.source.wanted()),
            "limit": limit,
        }
        response = self.source.search(msgspec.json.encode(body), _preload_content=False)
        return decoded(self.http, wire.listing, response, f"search {self.source.kind}")

    def _count(self) -> int | None:
        """How many there are, for the progress bar; search knows, the list does not."""
        body = b'{"filterGroups":[],"properties":["hs_object_id"],"limit":1}'
        response = self.source.search(body, _preload_content=False)
        return decoded(self.http, wire.listing, response, f"search {self.source.kind}").total if response.ok else None

    def _sheet(self, answer: wire.Listing) -> tuple[Sheet, list[wire.Head]]:
        records, refused, heads = headed(answer.results, wire.head, attrgetter("id"), self.source.kind)
        ids = [head.id for head in heads]
        return Sheet(records, refused, ids, [], len(answer.results), token=answer.after), heads
