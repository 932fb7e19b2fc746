"""What people of the business wrote about members, as touchpoints.

A member shows the last note only, so the notes of a member are asked for where there is one: of everybody in a full
pull, and otherwise of those who changed since. Mailchimp may leave the stamp of a member alone when a note is written;
such a note comes with the next full pull.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from connectors.base import Cursor, Raw, StreamPage
from connectors.batches import spread
from connectors.codecs import iso_second, millis
from connectors.http import Http
from connectors.mailchimp_paging import PAGE_SIZE, whole
from mapping.facts import By, Channel, Facts, Touch, Touchpoint
from mapping.model import Millis

AT_ONCE = 10
OVERLAP: Millis = 3_600_000


class _LastNote(msgspec.Struct):
    note_id: int = 0


class _Member(msgspec.Struct):
    contact_id: str = ""
    unique_email_id: str = ""
    last_changed: str = ""
    last_note: _LastNote | None = None

    @property
    def key(self) -> str:
        return self.contact_id or self.unique_email_id


class _Members(msgspec.Struct):
    members: list[_Member]


class _Note(msgspec.Struct):
    id: int
    created_at: str = ""
    created_by: str = ""
    updated_at: str = ""
    note: str = ""


class _Notes(msgspec.Struct):
    notes: list[_Note]


class _Item(msgspec.Struct):
    """The notes about one member."""

    who: str
    notes: list[_Note]


_item = msgspec.json.Decoder(_Item)


def note_facts(raw: Raw) -> Facts:
    """What the notes about one member say. Raises ValueError where it is no such item."""
    try:
        item = _item.decode(raw.body)
    except msgspec.DecodeError as error:
        raise ValueError(f"{raw.remote_id} holds no notes: {error}") from error
    return Facts(
        touchpoints=[
            Touchpoint(
                f"note {one.id}",
                item.who,
                Touch.NOTED,
                millis(one.created_at),
                Channel.NOTE,
                by=By.PERSON,
                detail=one.note,
            )
            for one in item.notes
        ]
    )


@dataclass(slots=True)
class Notes:
    """Reads the notes about the members of one audience."""

    http: Http
    api: Any
    audience: str

    def pages(self, cursor: Cursor | None, *, full: bool) -> Iterator[StreamPage]:
        mark = 0 if cursor is None or full else int(cursor["mark"])
        noted, best = [], mark
        for member in self._members(mark):
            best = max(best, millis(member.last_changed))
            if member.last_note is not None:
                noted.append(member.key)
        for start in range(0, len(noted), PAGE_SIZE):
            items = spread(noted[start : start + PAGE_SIZE], self._notes, AT_ONCE)
            yield StreamPage({"mark": mark}, items, total=len(noted))
        yield StreamPage({"mark": best}, last=True, complete=not mark)

    def _members(self, mark: Millis) -> Iterator[_Member]:
        names = ("contact_id", "unique_email_id", "last_changed", "last_note.note_id")
        fields = [f"members.{name}" for name in names]
        since = {"since_last_changed": iso_second(mark - OVERLAP)} if mark > OVERLAP else {}
        call = partial(self.api.get_list_members_info, self.audience, fields=fields, **since)
        return whole(self.http, call, _Members, lambda page: page.members, lambda one: one.key)

    def _notes(self, who: str) -> Raw:
        fields = [f"notes.{name}" for name in _Note.__struct_fields__]
        call = partial(self.api.get_list_member_notes, self.audience, who, fields=fields)
        notes = whole(self.http, call, _Notes, lambda page: page.notes, lambda one: str(one.id), deletable=True)
        return Raw.of(who, msgspec.json.encode(_Item(who, sorted(notes, key=lambda one: one.id))))
