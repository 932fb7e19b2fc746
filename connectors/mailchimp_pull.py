"""Reading a whole audience, and what changed in it since.

Listing goes by offset over a moving set: each page begins with the last member of the one before, and is read again
further back where that member is not on it. Archived members are listed apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from connectors.base import Cursor, Page
from connectors.codecs import iso_second, millis
from connectors.mailchimp_members import ARCHIVED, OVERLAP, PRESENT, Members
from connectors.mailchimp_paging import PAGE_SIZE
from connectors.paging import Watermark
from mapping.model import Millis

TAIL = 3


@dataclass(slots=True)
class Pull:
    """Pages of one audience."""

    members: Members
    now: Callable[[], Millis]

    def pages(self, cursor: Cursor | None, *, full: bool) -> Iterator[Page]:
        place = self._begin(cursor, full)
        seen: set[int] | None = set() if place["do"] == "list" and not place["offset"] else None
        while True:
            page = self._listed(place, seen) if place["do"] == "list" else self._changed(place)
            yield page
            if page.last:
                return
            place = page.cursor

    def _begin(self, cursor: Cursor | None, full: bool) -> Cursor:
        if cursor is not None and cursor["do"] != "done":
            return cursor
        place = {"set": PRESENT, "offset": 0, "tail": [], "began": self.now(), "best": 0}
        if cursor is None or full:
            return {"do": "list", **place, "mark": None}
        mark = Watermark.of(cursor["mark"])
        low = mark.start(OVERLAP)
        return {"do": "changes", **place, "low": low, "from": low, "mark": cursor["mark"]}

    def _listed(self, place: Cursor, seen: set[int] | None) -> Page:
        """A page of the full listing, of those present and then of the archived."""
        query = {"sort_field": "timestamp_signup", "sort_dir": "ASC"}
        answer = self.members.listed(place["set"], place["offset"], query)
        records, refused, heads = self.members.heads(answer.members)
        ids = [head.key for head in heads]
        if place["tail"] and place["offset"] and not set(place["tail"]) & set(ids):
            # Members left the set before this page, so that it begins too late: look further back.
            back = max(0, place["offset"] - (PAGE_SIZE - 1))
            return Page(records, {**place, "offset": back}, refused=refused)
        if seen is not None:
            seen.update(map(hash, ids))
        best = max([place["best"], *map(millis, {head.last_changed for head in heads})])
        total = answer.total_items
        if len(answer.members) >= PAGE_SIZE:
            self._refuse_beyond(place, total)
            onward = {**place, "offset": place["offset"] + PAGE_SIZE - 1, "tail": ids[-TAIL:], "best": best}
            return Page(records, onward, total, refused=refused)
        counted = place.get("counted", 0) + (total or 0)
        if place["set"] == PRESENT:
            onward = {**place, "set": ARCHIVED, "offset": 0, "tail": [], "best": best, "counted": counted}
            return Page(records, onward, total, refused=refused)
        mark = Watermark.after_full(best, place["began"], self.now())
        complete = seen is not None and len(seen) >= counted and not refused
        return Page(records, {"do": "done", "mark": mark.stored()}, last=True, complete=complete, refused=refused)

    def _refuse_beyond(self, place: Cursor, total: int | None) -> None:
        """Whole pages beyond the number of members are always the same one, and would be read for ever."""
        if total is not None and place["offset"] >= total + PAGE_SIZE:
            raise self.members.http.misread("list members", "there are more pages than members")

    def _changed(self, place: Cursor) -> Page:
        """A page of what changed since `from`, oldest first, of those present and then of the archived.

        Each page begins at the last stamp of the one before, so that nothing is pushed over an edge; where a
        whole page has one stamp, the offset moves on instead.
        """
        query = {"sort_field": "last_changed", "sort_dir": "ASC"}
        # "Changed after" may or may not include the second itself: one second earlier covers both readings.
        query["since_last_changed"] = iso_second(max(0, place["from"] - 1000))
        answer = self.members.listed(place["set"], place["offset"], query)
        records, refused, heads = self.members.heads(answer.members)
        stamps = [millis(head.last_changed) for head in heads]
        best = max([place["best"], *stamps])
        if len(answer.members) >= PAGE_SIZE and stamps:
            if stamps[-1] - 1000 > place["from"]:
                onward = {**place, "from": stamps[-1], "offset": 0, "best": best}
            else:
                self._refuse_beyond(place, answer.total_items)
                onward = {**place, "offset": place["offset"] + PAGE_SIZE, "best": best}
            return Page(records, onward, answer.total_items, refused=refused)
        if place["set"] == PRESENT:
            onward = {**place, "set": ARCHIVED, "from": place["low"], "offset": 0, "best": best}
            return Page(records, onward, answer.total_items, refused=refused)
        mark = Watermark.of(place["mark"]).after(best, place["began"], self.now(), OVERLAP)
        return Page(records, {"do": "done", "mark": mark.stored()}, last=True, refused=refused)
