"""HubSpot's streams: companies, deals, tickets, activities, answers to surveys, and lists.

Objects are walked as contacts are. What hangs on them is read for up to a thousand at once and becomes part of their
items: associations, the names of owners, the stages of pipelines, the account's currency. An association that changes
moves no stamp there, so a pull of changes alone may miss it; a full one never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import msgspec

from connectors import hubspot_streams_wire as wire
from connectors import hubspot_wire
from connectors.base import Cursor, Raw, Stream, StreamPage
from connectors.errors import Failure, NotOffered, TooNarrow
from connectors.http import Http
from connectors.hubspot_deeds import HubSpotDeeds, users
from connectors.hubspot_facts import PROPERTIES, stage_state
from connectors.hubspot_lists import READ, Lists
from connectors.hubspot_ties import ASSOCIATED, Ties, needing, with_beside
from connectors.hubspot_touches import TOUCHES, narrowed
from connectors.hubspot_walk import Source, Walk
from connectors.over_http import decoded
from connectors.stretches import Slice
from mapping.model import Millis

STAMP = "hs_lastmodifieddate"
SCOPES = {
    "contacts": "crm.objects.contacts.read",
    "companies": "crm.objects.companies.read",
    "deals": "crm.objects.deals.read",
    "tickets": "crm.objects.tickets.read",
    "calls": "crm.objects.contacts.read",
    "emails": "sales-email-read",
    "meetings": "crm.objects.contacts.read",
    "notes": "crm.objects.contacts.read",
    "tasks": "crm.objects.contacts.read",
    "feedback_submissions": "crm.objects.feedback_submissions.read",
}
"""The scope that opens each object type; those of activities are opened by the one of contacts."""
ENDS = {"deals": ("contacts", "companies")}
"""What each object's associations are read with; contacts alone where nothing is said."""
OWNED = ("companies", "deals")
MERGING = ("companies", "deals", "tickets")

STREAMS = (
    Stream("companies", "Companies and who works there", SCOPES["companies"]),
    Stream("deals", "Deals", f"{SCOPES['deals']}, {SCOPES['companies']}"),
    Stream("tickets", "Tickets", SCOPES["tickets"]),
    Stream("calls", "Calls", SCOPES["calls"]),
    Stream("emails", "E-mails that were logged", SCOPES["emails"]),
    Stream("meetings", "Meetings", SCOPES["meetings"]),
    Stream("notes", "Notes", SCOPES["notes"]),
    Stream("tasks", "Tasks", SCOPES["tasks"]),
    Stream("feedback_submissions", "Answers to surveys", SCOPES["feedback_submissions"]),
    Stream("lists", "Lists and who is on them", READ),
)


@dataclass
class Beside:
    """What stands beside the objects of one pull: each read at most once, and only when it is needed."""

    apis: wire.StreamApis
    http: Http

    @cached_property
    def owners(self) -> dict[str, str]:
        """Names of owners, of former ones too; none where the scope is missing: numbers will do."""
        try:
            read = partial(users, self.apis, self.http)
            return {one.id: one.name for archived in (True, False) for one in read(archived=archived)}
        except TooNarrow:
            return {}

    @cached_property
    def stages(self) -> dict[tuple[str, str], wire.Stage]:
        """The stages of deals by pipeline and id."""
        response = self.apis.pipelines.get_all("deals", _preload_content=False)
        found = decoded(self.http, msgspec.json.Decoder(wire.Pipelines), response, "list pipelines of deals")
        return {(one.id, stage.id): stage for one in found.results for stage in one.stages}

    @cached_property
    def currency(self) -> str:
        """The account's own currency."""
        response = self.http.request("GET", hubspot_wire.ACCOUNT, operation="account")
        details = decoded(self.http, msgspec.json.Decoder(hubspot_wire.AccountDetails), response, "account")
        return details.companyCurrency or ""

    def of(self, kind: str, body: bytes) -> dict[str, str]:
        """What stands beside one record."""
        if kind not in OWNED:
            return {}
        try:
            points = wire.pointing.decode(body).properties
        except msgspec.DecodeError:
            return {}  # `facts` will say what is wrong with it
        found = {"owner": self.owners.get(points.hubspot_owner_id, "") if points.hubspot_owner_id else ""}
        if kind == "deals":
            stage = self.stages.get((points.pipeline or "", points.dealstage or ""))
            found |= {"stage": stage.label, "state": stage_state(stage)} if stage is not None else {}
            found |= {} if points.deal_currency_code else {"currency": self.currency}
        return found


@dataclass
class Streams:
    """The streams of one account."""

    http: Http
    now: Callable[[], Millis]
    own: tuple[str, ...] = ()  # properties of companies to ask for beside the usual ones

    @cached_property
    def _apis(self) -> wire.StreamApis:
        return wire.StreamApis.over(self.http)

    @cached_property
    def lists(self) -> Lists:
        return Lists(lambda: self._apis, self.http)

    @cached_property
    def deeds(self) -> HubSpotDeeds:
        return HubSpotDeeds(lambda: self._apis, self.http)

    def pages(self, name: str, cursor: Cursor | None, *, full: bool = False) -> Iterator[StreamPage]:
        """By the rules of `Connector.stream_pages`."""
        if name == "lists":
            return self.lists.pages(cursor)
        if name not in PROPERTIES and name not in TOUCHES:
            raise NotOffered("HubSpot", f"stream {name!r}", "streams")
        return self._objects(name, cursor, full=full)

    def _objects(self, kind: str, cursor: Cursor | None, *, full: bool) -> Iterator[StreamPage]:
        beside = Beside(self._apis, self.http)
        for group in together(self._slices(kind, cursor, full=full)):
            end = group[-1].page
            # a page that moved under us may show somebody twice
            records = list({record.remote_id: record for one in group for record in one.page.records}.values())
            archived = group[-1].archived
            yield StreamPage(
                end.cursor,
                () if archived else self._items(kind, records, beside),
                gone=[one for record in records for one in ((record.remote_id,) if archived else merged(kind, record))],
                total=next((one.page.total for one in group if one.page.total is not None), None),
                last=end.last,
                complete=end.complete,
                refused=[each for one in group for each in one.page.refused],
            )

    def _slices(self, kind: str, cursor: Cursor | None, *, full: bool) -> Iterator[Slice]:
        usual = PROPERTIES[kind] if kind in PROPERTIES else TOUCHES[kind].properties
        properties = (*usual, STAMP, *(self.own if kind == "companies" else ()))
        page, search = partial(self._apis.objects.get_page, kind), partial(self._apis.search.do_search, kind)
        walk = Walk(Source(kind, STAMP, lambda: properties, page, search), self.http, self.now)
        with needing(SCOPES[kind], f"read {kind}"):
            yield from walk.slices(cursor, full=full)

    def _items(self, kind: str, records: Sequence[Raw], beside: Beside) -> list[Raw]:
        ids = [record.remote_id for record in records]
        ties = Ties(self._apis.associations.get_page, self.http)
        joined: dict[str, dict[str, list[wire.Joined]]] = {}
        for other in ENDS.get(kind, ("contacts",)) if ids else ():
            with needing(SCOPES[other], f"read which {other} the {kind} belong to"):
                joined[other] = ties.of(kind, other, ids)
        return [
            Raw.of(
                record.remote_id,
                with_beside(
                    narrowed(kind, record.body),
                    {
                        **{other: there.get(record.remote_id) for other, there in joined.items()},
                        **beside.of(kind, record.body),
                    },
                ),
            )
            for record in records
        ]


def merged(kind: str, record: Raw) -> list[str]:
    """The objects that were merged into this one: they are gone, and no list of archived ones tells of them."""
    if kind not in MERGING:
        return []
    try:
        names = wire.pointing.decode(record.body).properties.hs_merged_object_ids or ""
    except msgspec.DecodeError:
        return []
    return [one for one in names.split(";") if one and one != record.remote_id]


def together(slices: Iterator[Slice]) -> Iterator[list[Slice]]:
    """Slices in groups that one call reads the associations of. A failure comes after what was read before it."""
    held: list[Slice] = []
    count = 0
    try:
        for one in slices:
            more = len(one.page.records)
            if held and (held[-1].archived is not one.archived or count + more > ASSOCIATED):
                yield held
                held, count = [], 0
            held.append(one)
            count += more
    except Failure:
        if held:
            yield held
        raise
    if held:
        yield held
