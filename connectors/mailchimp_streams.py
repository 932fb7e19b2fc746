"""What Mailchimp tells beside its members: mail activity, lists, orders and notes; and what it takes beside them.

Each stream has a module of its own; here they come together for the connector.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from connectors import mailchimp_wire as wire
from connectors.base import Cursor, Listed, Raw, RemoteField, Stream, StreamPage
from connectors.errors import MaybeSent
from connectors.mailchimp_activity import Activity
from connectors.mailchimp_fields import MERGE, remote_field
from connectors.mailchimp_lists import Lists
from connectors.mailchimp_notes import Notes, note_facts
from connectors.mailchimp_orders import Orders, order_facts
from connectors.mailchimp_segments import Segments, listing_facts
from connectors.over_http import OverHttp
from mapping.facts import Facts
from mapping.fields import Field
from mapping.values import Kind

ACTIVITY, SEGMENTS, ORDERS, NOTES = "activity", "segments", "orders", "notes"
STREAMS = (
    Stream(ACTIVITY, "Campaigns, and what became of them", events=True),
    Stream(SEGMENTS, "Tags, segments and interests"),
    Stream(ORDERS, "Orders of connected shops", needs="a shop that reports to Mailchimp"),
    Stream(NOTES, "Notes about members"),
)
LONGEST_TAG = 10
TYPES: Mapping[Kind, str] = {
    Kind.PHONE: "phone",
    Kind.NUMBER: "number",
    Kind.DATE: "date",
    Kind.BIRTHDAY: "birthday",
    Kind.ADDRESS: "address",
}
"""The type of a merge field by the kind of ours; all others are texts."""
_FACTS: Mapping[str, Callable[[Raw], Facts]] = {SEGMENTS: listing_facts, ORDERS: order_facts, NOTES: note_facts}


class Streams(OverHttp):
    """The streams, lists and fields of one audience."""

    streams = STREAMS
    lists = True
    lists_in = SEGMENTS
    _lists: Any

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        http, audience = self._http, self.settings.audience
        if name == ACTIVITY:
            return Activity(http, wire.reports_api(http), audience, self._now).pages(cursor, full=full)
        if name == SEGMENTS:
            return Segments(http, self._lists, audience).pages(cursor, full=full)
        if name == ORDERS:
            return Orders(http, wire.ecommerce_api(http), audience).pages(cursor, full=full)
        if name == NOTES:
            return Notes(http, self._lists, audience).pages(cursor, full=full)
        return super().stream_pages(name, cursor, full=full)

    def facts(self, name: str, item: Raw) -> Facts:
        return _FACTS[name](item) if name in _FACTS else super().facts(name, item)

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        """Members of a static segment, by record or by address; the one of that name is used where there is one.

        Whoever is no member any more is refused when to be added, and is off the list already when to be removed.
        """
        addresses = self._addresses(list(dict.fromkeys((*add, *remove))))
        strangers = {one: "Mailchimp has no such member any more" for one in add if one not in addresses}
        on = {addresses[one]: one for one in add if one in addresses}
        off = {addresses[one]: one for one in remove if one in addresses}
        told = Lists(self._http, self._lists, self.settings.audience).put(title, listing, on, off)
        return Listed(told.listing, {**strangers, **told.refused})

    @abstractmethod
    def _addresses(self, records: Sequence[str]) -> dict[str, str]:
        """The present address of each record; those that are not there are left out."""

    def add_field(self, name: str, kind: Kind) -> RemoteField:
        """Make the merge field that our field *name* is carried in, where the audience lacks it."""
        row: Field | None = self.fields.get(name)
        wanted = row.remote.removeprefix(MERGE) if row is not None and row.remote.startswith(MERGE) else name
        tag = "".join(letter for letter in wanted.upper() if letter.isascii() and (letter.isalnum() or letter == "_"))
        tag, label = tag[:LONGEST_TAG], (row.label if row is not None else "") or name
        if found := self._merge_field(tag):
            return found
        type_ = TYPES.get(kind, "text")
        body: dict[str, Any] = {"tag": tag, "name": label, "type": type_, "required": False, "public": False}
        if type_ == "phone":
            body["options"] = {"phone_format": "none"}  # else numbers are taken for American ones
        try:
            response = self._lists.add_list_merge_field(self.settings.audience, msgspec.json.encode(body))
        except MaybeSent:
            if found := self._merge_field(tag):
                return found
            raise
        made = self._typed(response, wire.MergeField)
        return remote_field(made.tag, made.name, made.type)

    def _merge_field(self, tag: str) -> RemoteField | None:
        return next((one for one in self.remote_fields() if one.remote == MERGE + tag), None)
