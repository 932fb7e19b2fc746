"""What Mailchimp tells beside its members: mail activity, lists, orders, notes, events; and what it takes beside them.

Each stream has a module of its own; here they come together for the connector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from connectors import mailchimp_wire as wire
from connectors.base import Cursor, Listed, Raw, Stream, StreamPage
from connectors.mailchimp_activity import Activity
from connectors.mailchimp_events import Events
from connectors.mailchimp_jobs import Jobs
from connectors.mailchimp_lists import Lists
from connectors.mailchimp_lookup import Lookup
from connectors.mailchimp_members import Members
from connectors.mailchimp_notes import Notes, note_facts
from connectors.mailchimp_orders import Orders, order_facts
from connectors.mailchimp_segments import Segments, listing_facts
from connectors.over_http import OverHttp
from mapping.facts import Facts

ACTIVITY, SEGMENTS, ORDERS, NOTES, EVENTS = "activity", "segments", "orders", "notes", "events"
STREAMS = (
    Stream(ACTIVITY, "Campaigns, and what became of them", events=True),
    Stream(SEGMENTS, "Tags, segments and interests"),
    Stream(ORDERS, "Orders of connected shops", needs="a shop that reports to Mailchimp"),
    Stream(NOTES, "Notes about members"),
    Stream(EVENTS, "Events that a shop or an app told of members", events=True),
)
_FACTS: Mapping[str, Callable[[Raw], Facts]] = {SEGMENTS: listing_facts, ORDERS: order_facts, NOTES: note_facts}


class Streams(OverHttp):
    """The streams and lists of one audience."""

    streams = STREAMS
    lists = True
    lists_are_tags = True
    lists_in = SEGMENTS

    @cached_property
    def _members(self) -> Members:
        jobs = Jobs(self._http, self._sleep)
        return Members(self._http, self.settings.audience, self.fields, jobs, self.settings.purpose)

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self._members)

    def stream_pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        http, audience = self._http, self.settings.audience
        if name == ACTIVITY:
            return Activity(http, wire.reports_api(http), audience, self._now).pages(cursor, full=full)
        if name == SEGMENTS:
            return Segments(http, self._members.lists, audience).pages(cursor, full=full)
        if name == ORDERS:
            return Orders(http, wire.ecommerce_api(http), audience).pages(cursor, full=full)
        if name == NOTES:
            return Notes(http, self._members.lists, audience).pages(cursor, full=full)
        if name == EVENTS:
            return Events(self._members).pages(cursor, full=full)
        return super().stream_pages(name, cursor, full=full)

    def facts(self, name: str, item: Raw) -> Facts:
        return _FACTS[name](item) if name in _FACTS else super().facts(name, item)

    def put_on_list(self, title: str, listing: str, add: Sequence[str], remove: Sequence[str]) -> Listed:
        """Members of a static segment, by record or by address; the one of that name is used where there is one.

        Whoever is no member any more is refused when to be added, and is off the list already when to be removed.
        """
        addresses = self._lookup.addresses(list(dict.fromkeys((*add, *remove))))
        strangers = {one: "Mailchimp has no such member any more" for one in add if one not in addresses}
        on = {addresses[one]: one for one in add if one in addresses}
        off = {addresses[one]: one for one in remove if one in addresses}
        told = Lists(self._http, self._members.lists, self.settings.audience).put(title, listing, on, off)
        return Listed(told.listing, {**strangers, **told.refused})
