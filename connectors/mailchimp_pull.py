"""Reading a whole audience, and what changed in it since: those present, then the archived, who are listed apart.

Mailchimp tells of changes by time alone, and spells a time to the second: where a whole page has one stamp, the offset
moves on instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from connectors.base import Cursor, Page
from connectors.codecs import iso_second, millis
from connectors.mailchimp_members import ARCHIVED, OVERLAP, PRESENT, Members
from connectors.mailchimp_paging import PAGE_SIZE
from connectors.pagers import Place
from connectors.stretches import Pull, Stretch
from connectors.turnings import ByStamp, Offsets, Sheet
from mapping.model import Millis

SECOND: Millis = 1000
"""Whoever changed in the very second that one asks from may be told of, or not: one asks from the one before."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Pages of one audience."""

    members: Members
    now: Callable[[], Millis]

    def pages(self, cursor: Cursor | None, *, full: bool) -> Iterator[Page]:
        whole, changes = Offsets(PAGE_SIZE), ByStamp(PAGE_SIZE, coarse=SECOND)
        statuses = PRESENT, ARCHIVED
        listed, archived = (Stretch("list members", partial(self._listed, one), whole) for one in statuses)
        changed, put_away = (Stretch("list members", partial(self._changed, one), changes) for one in statuses)
        misread = self.members.http.misread
        pull = Pull((listed, archived), (changed, put_away), OVERLAP, misread, self.now, counted=True)
        return (one.page for one in pull.slices(cursor, full=full))

    def _listed(self, status: str, place: Place) -> Sheet:
        return self._sheet(status, place["offset"], {"sort_field": "timestamp_signup", "sort_dir": "ASC"})

    def _changed(self, status: str, place: Place) -> Sheet:
        """A page of what changed, oldest first."""
        since = iso_second(max(0, place["from"] - SECOND))
        order = {"sort_field": "last_changed", "sort_dir": "ASC"}
        return self._sheet(status, place["offset"], {**order, "since_last_changed": since})

    def _sheet(self, status: str, offset: int, query: dict[str, str]) -> Sheet:
        answer = self.members.listed(status, offset, query)
        records, refused, heads = self.members.heads(answer.members)
        times = {stamp: millis(stamp) for stamp in {head.last_changed for head in heads}}  # many changed at once
        stamps = [times[head.last_changed] for head in heads]
        return Sheet(records, refused, [head.key for head in heads], stamps, len(answer.members), answer.total_items)
