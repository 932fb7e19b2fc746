"""HubSpot's webhooks journal: what happened, in order, for an app that HubSpot cannot call.

https://developers.hubspot.com/docs/api-reference/latest/webhooks-journal/guide (read 2026-11)

An app's own token opens it; it takes the id and the secret of an OAuth app. An answer names a file at an address that
expires, and its `currentOffset`, the place to read on from. Nothing new is an empty 204, or perhaps the same place
again. The journal keeps three days, and counts against no other limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from connectors.asking import turned
from connectors.hooks import Entry, Heard, PlaceLost
from connectors.http import Http, Response
from connectors.over_http import decoded

JOURNAL = "/webhooks-journal/journal/2026-03"
SUBSCRIPTIONS = "/webhooks-journal/subscriptions/2026-03"
SCOPES = (
    "developer.webhooks_journal.read",
    "developer.webhooks_journal.subscriptions.read",
    "developer.webhooks_journal.subscriptions.write",
)
"""What the app has to be given, beside the scopes of the objects that it reads."""

TYPES = {"companies": "0-2", "deals": "0-3", "tickets": "0-5"}
CONTACT = "0-1"
SCOPES_OF = {
    CONTACT: "crm.objects.contacts.read",
    "0-2": "crm.objects.companies.read",
    "0-3": "crm.objects.deals.read",
    "0-5": "crm.objects.tickets.read",
}
TOGETHER = 20
"""Files that are asked for at once."""

_CHANGES = ("CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE")
_TIES = ("ASSOCIATION_ADDED", "ASSOCIATION_REMOVED")


class _File(msgspec.Struct, rename="camel"):
    url: str
    current_offset: str


class _Files(msgspec.Struct):
    results: list[_File]


class _Subscription(msgspec.Struct, rename="camel"):
    id: int
    subscription_type: str = ""
    object_type_id: str = ""
    portal_id: int = 0
    actions: list[str] = []
    properties: list[str] | None = None
    object_ids: list[int] | None = None
    associated_object_type_ids: list[str] | None = None


class _Subscriptions(msgspec.Struct):
    results: list[_Subscription]


class _Event(msgspec.Struct, rename="camel"):
    action: str = ""
    object_type_id: str = ""
    object_id: int = 0
    primary_object_id: int = 0
    new_object_id: int = 0
    merged_object_ids: list[int] = []
    associated_object_id: int = 0
    associated_object_type_id: str = ""


class _Told(msgspec.Struct, rename="camel"):
    journal_events: list[_Event]


_files = msgspec.json.Decoder(_Files)
_file = msgspec.json.Decoder(_File)
_told = msgspec.json.Decoder(_Told)
_subscriptions = msgspec.json.Decoder(_Subscriptions)


@dataclass(slots=True)
class HubSpotJournal:
    """The journal of one account. `properties` are those of contacts that we carry, `streams` what is read beside."""

    http: Http
    portal: Callable[[], int]
    properties: Callable[[], Sequence[str]]
    streams: Sequence[str]

    def subscribe(self) -> None:
        response = self.http.request("GET", SUBSCRIPTIONS, operation="list subscriptions of the journal")
        there = decoded(self.http, _subscriptions, response, "list subscriptions of the journal").results
        for wanted in self._wanted():
            if not any(_covers(one, wanted) for one in there):
                body = msgspec.json.encode(wanted)
                # It is made or changed: a repeat finds what the first try made.
                made = self.http.request("POST", SUBSCRIPTIONS, json=body, idempotent=True, operation="subscribe")
                if not made.ok:
                    raise self.http.misread("subscribe to the journal", self.http.explain(made))

    def _wanted(self) -> Iterator[dict[str, Any]]:
        portal, types = self.portal(), [CONTACT, *(TYPES[name] for name in self.streams if name in TYPES)]
        for kind in types:
            about = {"objectTypeId": kind, "portalId": portal, "objectIds": []}
            properties = list(self.properties()) if kind == CONTACT else []
            yield {**about, "subscriptionType": "OBJECT", "actions": _CHANGES, "properties": properties}
            if others := [other for other in types if other != kind]:
                yield {
                    **about,
                    "subscriptionType": "ASSOCIATION",
                    "actions": _TIES,
                    "associatedObjectTypeIds": others,
                }
        erased = {"objectTypeId": CONTACT, "portalId": portal, "actions": ["GDPR_DELETE"]}
        yield {**erased, "subscriptionType": "GDPR_PRIVACY_DELETION"}

    def end(self) -> str:
        response = self._ask("/latest", "end of the journal")
        return decoded(self.http, _file, response, "end of the journal").current_offset if response.body else ""

    def read(self, place: str) -> Iterator[Sequence[Entry]]:
        refuse = partial(self.http.misread, "read the journal")
        for files, _ in turned(place, self._following, _last_place, refuse):
            if files:
                yield [Entry(one.current_offset, self._fetched(one)) for one in files]

    def _following(self, place: str) -> list[_File]:
        path = f"/batch/{place}/next/{TOGETHER}" if place else f"/batch/earliest/{TOGETHER}"
        response = self._ask(path, "read the journal")
        if response.status == 404 and place:
            raise PlaceLost(self.http.explain(response))
        if response.ok and not response.body:
            return []
        files = decoded(self.http, _files, response, "read the journal").results
        return [one for one in files if one.current_offset != place]

    def _ask(self, path: str, operation: str) -> Response:
        query = (("installPortalId", self.portal()),)
        return self.http.request("GET", JOURNAL + path, query=query, operation=operation)

    def _fetched(self, file: _File) -> bytes:
        """A file's bytes. Its address is its own credential: ours is never sent there."""
        self.http.guard(file.url)
        response = self.http.request("GET", file.url, operation="fetch from the journal", anonymous=True)
        if not response.ok:
            raise self.http.misread("fetch from the journal", self.http.explain(response))
        return response.body


def _last_place(_: str, files: Sequence[_File]) -> str | None:
    return files[-1].current_offset if files else None


def _covers(one: _Subscription, wanted: dict[str, Any]) -> bool:
    """Whether a subscription tells all that is wanted."""
    same = (one.subscription_type, one.object_type_id) == (wanted["subscriptionType"], wanted["objectTypeId"])
    parts = (
        (one.actions, wanted["actions"]),
        (one.properties or (), wanted.get("properties", ())),
        (one.associated_object_type_ids or (), wanted.get("associatedObjectTypeIds", ())),
    )
    whole = all(set(there) >= set(asked) for there, asked in parts) and not one.object_ids
    return same and one.portal_id in (0, wanted["portalId"]) and whole


def heard(body: bytes, streams: dict[str, str]) -> Heard:
    """What a file of the journal asks us to look at again; *streams* are ours by the type of their objects. Raises
    ValueError where it is none."""
    try:
        events = _told.decode(body).journal_events
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ValueError(f"expected a file of HubSpot's journal: {error}") from error
    records: dict[str, None] = {}
    named: dict[str, None] = {}
    odd: dict[str, None] = {}
    for event in events:
        ends = [(event.object_type_id, one) for one in (event.object_id, event.primary_object_id, event.new_object_id)]
        ends += [(event.object_type_id, one) for one in event.merged_object_ids]
        ends += [(event.associated_object_type_id, event.associated_object_id)]
        for kind, identity in ends:
            if kind == CONTACT and identity:
                records[str(identity)] = None
            elif kind in streams:
                named[streams[kind]] = None
        if event.object_type_id != CONTACT and event.object_type_id not in streams:
            odd[f"{event.action} of {event.object_type_id or 'something'}"] = None
    erased = [str(one.object_id) for one in events if one.action == "GDPR_DELETE" and one.object_type_id == CONTACT]
    return Heard(list(records), streams=list(named), odd=list(odd), erased=erased)
