"""What members did elsewhere, as a shop or an app told Mailchimp: events, as touchpoints.

Mailchimp tells the events of one member at a time, so a full pull asks once for everybody, hundreds in one batch job,
and the others ask for those who changed since. An event need not move its member's stamp; such a one comes with the
next full pull. Events carry no id: their key holds what they say, and equal ones within one second are numbered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from connectors.asking import settled, turned
from connectors.base import Cursor, StreamPage
from connectors.batches import spread
from connectors.codecs import iso_second, millis
from connectors.mailchimp_members import AT_ONCE, BATCH_SIZE, JOB_FROM, Members
from connectors.mailchimp_paging import PAGE_SIZE, typed, whole
from connectors.moving import MOST_BACKS
from mapping.facts import By, Channel, Facts, Touch, Touchpoint, Way
from mapping.model import Millis

OVERLAP: Millis = 3_600_000
LONGEST_DETAIL = 500


class _Head(msgspec.Struct):
    contact_id: str = ""
    unique_email_id: str = ""
    last_changed: str = ""

    @property
    def key(self) -> str:
        return self.contact_id or self.unique_email_id


class _Heads(msgspec.Struct):
    members: list[_Head]


class _Event(msgspec.Struct):
    name: str = ""
    occurred_at: str = ""
    properties: dict[str, str] = {}


class _Events(msgspec.Struct):
    events: list[_Event]
    total_items: int = 0


_page = msgspec.json.Decoder(_Events)
_FIELDS = ["total_items", *(f"events.{name}" for name in _Event.__struct_fields__)]


@dataclass(slots=True)
class Events:
    """Reads the events of the members of one audience."""

    members: Members

    def pages(self, cursor: Cursor | None, *, full: bool) -> Iterator[StreamPage]:
        begun = cursor is not None and "after" in cursor
        mark = int(cursor["mark"]) if cursor is not None and (begun or not full) else 0
        after = str(cursor["after"]) if cursor is not None and begun else ""
        heads = list(self._heads(mark))
        best = max((millis(head.last_changed) for head in heads), default=0)
        due = sorted(head.key for head in heads if head.key > after)
        for start in range(0, len(due), BATCH_SIZE):
            some = due[start : start + BATCH_SIZE]
            touches = [touch for who, events in self._events(some) for touch in _touches(who, events)]
            yield StreamPage({"mark": mark, "after": some[-1]}, facts=Facts(touchpoints=touches))
        yield StreamPage({"mark": max(mark, best)}, last=True)

    def _heads(self, mark: Millis) -> Iterator[_Head]:
        """Who is in the audience, or changed since."""
        fields = [f"members.{name}" for name in _Head.__struct_fields__]
        since = {"since_last_changed": iso_second(mark - OVERLAP)} if mark > OVERLAP else {}
        call = partial(self.members.lists.get_list_members_info, self.members.audience, fields=fields, **since)
        return whole(self.members.http, call, _Heads, lambda page: page.members, lambda one: one.key)

    def _events(self, asked: Sequence[str]) -> Iterator[tuple[str, list[_Event]]]:
        """The events of each: by one job where there are many, and one by one for whom it does not tell all."""
        told = self._job(asked) if len(asked) >= JOB_FROM else {}
        rest = [who for who in asked if who not in told]
        yield from told.items()
        yield from zip(rest, spread(rest, self._one, AT_ONCE), strict=True)

    def _job(self, asked: Sequence[str]) -> dict[str, list[_Event]]:
        params = {"count": str(PAGE_SIZE), "fields": ",".join(_FIELDS)}
        paths = [self.members.path(who, "events") for who in asked]
        answers = self.members.job([{"method": "GET", "path": path, "params": params} for path in paths]) or {}
        told: dict[str, list[_Event]] = {}
        for index, who in enumerate(asked):
            done = answers.get(index)
            if done is None or done.status_code != 200:
                continue
            try:
                page = _page.decode(done.response)
            except msgspec.DecodeError:
                continue  # asked for by itself it says what is wrong
            if len(page.events) >= page.total_items:
                told[who] = page.events
        return told

    def _one(self, who: str) -> list[_Event]:
        """All events of one member; read again from the start where some came meanwhile."""
        return settled(partial(self._read, who), MOST_BACKS)[0]

    def _read(self, who: str) -> tuple[list[_Event], bool]:
        """All events of one member, and whether none came meanwhile."""
        http, call = self.members.http, self.members.lists.get_list_member_events

        def ask(offset: int) -> _Events:
            response = call(self.members.audience, who, fields=_FIELDS, count=PAGE_SIZE, offset=offset)
            gone = response.status == 404  # erased since they were listed
            return _Events([]) if gone else typed(http, response, _Events)

        found: list[_Event] = []
        total = -1
        for page, _ in turned(0, ask, _onward, partial(http.misread, "list events")):
            if total not in (-1, page.total_items):
                return found, False
            total = page.total_items
            found += page.events
        return found, True


def _onward(offset: int, page: _Events) -> int | None:
    return offset + PAGE_SIZE if len(page.events) >= PAGE_SIZE else None


def _touches(who: str, events: Sequence[_Event]) -> Iterator[Touchpoint]:
    times: dict[tuple[Millis, str], int] = {}
    for event in events:
        at, said = millis(event.occurred_at), _said(event)
        key = f"event {hashlib.blake2b(said.encode(), digest_size=8).hexdigest()}"
        number = times[at, key] = times.get((at, key), -1) + 1
        own = f"{key}#{number}" if number else key
        detail = said[:LONGEST_DETAIL]
        yield Touchpoint(own, who, Touch.UNKNOWN, at, Channel.OTHER, Way.IN, By.UNKNOWN, detail=detail)


def _said(event: _Event) -> str:
    """An event's own name, and what it carries."""
    parts = ", ".join(f"{name}: {value}" for name, value in sorted(event.properties.items()))
    return f"{event.name} ({parts})" if parts else event.name
