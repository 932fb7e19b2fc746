"""HubSpot, rehearsed: one portal with its contacts, companies, deals, tickets, activities, associations, lists,
properties, pipelines, owners, e-mail preferences, webhooks, tokens and quotas.

Docs      developers.hubspot.com as read into platform-facts.md; each behaviour names its part of that page.
Paths     numbered (``/crm/v3/...``) and date version 2026-03, the same handlers under both.
Doubtful  facts marked (?) are fields of `hubspot_rules.Switches`; the tests run both settings.

Not emulated
  leads, products, custom and other objects; evaluating the filters of lists; folders of lists; changing pipelines
  and labels over the API; associations v3; parts of webhooks and of their journal (see `hubspot_webhooks` and
  `hubspot_journal`); imports, exports, forms, timeline events; restoring deleted records; rules that an admin set
  for values (2026-09); property archiving; preference page links; business units; calculated properties other than
  those of consent, merges, bounces and closed stages (so no ``associatedcompanyid`` and no numbers of associated
  records); redacting e-mails for who lacks their scope; 423 and 477 answers (ask for them with a fault of that
  status).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import Clock
from sandbox.hubspot_access import ALL_SCOPES, PROFESSIONAL, Limits, OAuth, Quotas, Words
from sandbox.hubspot_associations import AssociationsApi
from sandbox.hubspot_batches import BatchesApi
from sandbox.hubspot_consent import ConsentApi
from sandbox.hubspot_hands import Hands
from sandbox.hubspot_journal import Journal
from sandbox.hubspot_kinds import CONTACTS, OTHERS, kind_of
from sandbox.hubspot_links import Joins
from sandbox.hubspot_lists import ListsApi
from sandbox.hubspot_members import MembersApi
from sandbox.hubspot_meta import MetaApi, add_property
from sandbox.hubspot_objects import ObjectsApi, dump
from sandbox.hubspot_pipelines import PipelinesApi, Staged, new_pipelines
from sandbox.hubspot_portal import Portal
from sandbox.hubspot_properties import definitions
from sandbox.hubspot_records import Records
from sandbox.hubspot_rules import Refusal, Switches, portal_properties
from sandbox.hubspot_search import Search
from sandbox.hubspot_state import (
    Change,
    Doc,
    HubSpotState,
    Origin,
    Owner,
    Pair,
    Property,
    Record,
    Shelf,
    Spec,
    SubscriptionType,
    Token,
    ms,
)
from sandbox.hubspot_webhooks import HubSpotHooked, HubSpotMailroom
from sandbox.hubspot_webhooks_api import HooksApi
from sandbox.platform import Answer, Call, Route, Stop, utc
from sandbox.webhooks_postman import Postman

__all__ = ["HubSpotSandbox", "Limits", "Switches"]

SUBSCRIPTIONS = (
    SubscriptionType(1001, "Marketing Information", "News and offers", is_default=True),
    SubscriptionType(1002, "One to One", "Mail from a person of the team", is_internal=True),
)
OWNERS = (
    Owner(501, "owner.one@sandbox.example", "Owner", "One", 7001),
    Owner(502, "owner.two@sandbox.example", "Owner", "Two", 7002),
)


class HubSpotSandbox(Hands, HubSpotHooked):
    """One HubSpot portal; only tokens that it gave out open it, and all of them start with ``sandbox-``."""

    name = "hubspot"

    def __init__(
        self,
        *,
        portal_id: int = 4242,
        token: str = "sandbox-hubspot-demo",
        clock: Clock | None = None,
        quotas: bool = True,
        limits: Limits = PROFESSIONAL,
        late_index: float = 0.0,
        switches: Switches | None = None,
        **facts: Any,
    ) -> None:
        """*facts* are single fields of `Switches`, for short."""
        super().__init__(HubSpotState(), clock=clock, quotas=quotas)
        self.portal_id = portal_id
        self.client_id, self.client_secret = "sandbox-client", "sandbox-secret"
        self.late_index = late_index
        self.switches = switches or Switches(**facts)
        self.words = Words()
        self.limiter = Quotas(limits)
        self._furnish()
        self.portal = Portal(CONTACTS, self.state, self.state, self.switches)
        self.records: dict[str, Records] = {CONTACTS.name: self.portal}
        for kind in OTHERS:
            rules = Staged if kind.stage else Records
            self.records[kind.name] = rules(kind, self.state, self.state.shelves[kind.name], self.switches)
        self.joins = Joins(self.state, self.switches, self._joined)
        self.mailroom = HubSpotMailroom(self)
        self.postman = Postman(self.mailroom)
        self.journal = Journal(self)
        self.joins.tell = self._told_joined
        for records in self.records.values():
            self._connect(records)
        self.searches = {name: Search(records) for name, records in self.records.items()}
        self.allow(token)
        self.oauth = OAuth(self)
        self.associations = AssociationsApi(self)
        self.objects = ObjectsApi(self)
        self.batches = BatchesApi(self)
        self.meta = MetaApi(self)
        self.pipelines = PipelinesApi(self)
        self.lists = ListsApi(self)
        self.members = MembersApi(self)
        self.preferences = ConsentApi(self)
        HooksApi(self)

    def _connect(self, records: Records) -> None:
        """Let one object type hear of rewrites, of the late index and of associations."""
        name = records.kind.name
        records.rewritten = lambda field, value, by: str(self.rewritten(field, value, by_person=by))
        records.rewrite = lambda record, *rest: self._slow_rewrites(name, record, *rest)
        records.index = lambda record, *rest: self._index_later(name, record, *rest)
        records.linked = lambda id, other: self.joined((name, other), id)
        records.joined = lambda gone, kept: self.joins.merged(records.kind, gone, kept)
        records.parted = lambda id: self.joins.erased(records.kind, id)
        records.tell = lambda change: self._told(name, change)

    def _told(self, name: str, change: Change) -> None:
        self.mailroom.changed(name, change)
        self.journal.changed(name, change)

    def _told_joined(self, pair: Pair, one: int, other: int, before: frozenset[Spec], after: frozenset[Spec]) -> None:
        self.mailroom.joined(pair, one, other, before, after)
        self.journal.joined(pair, one, other, before, after)

    def _furnish(self) -> None:
        """What a new portal comes with."""
        now = ms(self.clock())
        self.state.properties = portal_properties(now)
        self.state.groups = {"contactinformation": ("Contact information", 0)}
        self.state.pipelines = new_pipelines(now)
        for kind in OTHERS:
            properties = {prop.name: prop for prop in definitions(kind, now)}
            self.state.shelves[kind.name] = Shelf(properties=properties, groups={kind.group: (kind.group, 0)})
        self.state.owners = {owner.id: owner for owner in OWNERS}
        for subscription in SUBSCRIPTIONS:
            self.add_subscription(subscription)

    # -- furnishing by a test ----------------------------------------------------------------------

    def allow(self, token: str, scopes: Iterable[str] = ALL_SCOPES) -> str:
        """Let a static token in, with all scopes or with few (facts: Authentication)."""
        if not token.startswith("sandbox-"):
            raise ValueError("the sandbox only has tokens that start with 'sandbox-'")
        self.state.tokens[token] = Token(frozenset(scopes))
        return token

    def add_subscription(self, kind: SubscriptionType) -> None:
        """A further kind of e-mail, with its opt-out property (facts: Consent)."""
        self.state.subscriptions[kind.id] = kind
        name = f"hs_email_optout_{kind.id}"
        self.state.properties[name] = Property(name, f"Opted out: {kind.name}", "bool", read_only=True)

    def define(
        self, name: str, type: str = "string", field_type: str = "text", *, object: str = "contacts", **more: Any
    ) -> None:
        """A custom property, as an admin makes it in the product."""
        kind = kind_of(object)
        more.setdefault("group", kind.group)
        prop = Property(name, name, type, field_type, hubspot_defined=False, **more)
        add_property(self.records[kind.name].state, prop)

    def load(self, records: Iterable[Mapping[str, Any]], object: str = "contacts") -> list[int]:
        """Take in many records of one object type at once (see `Records.load`)."""
        with self.lock:
            return self.records[kind_of(object).name].load(records, ms(self.clock()))

    def load_associations(self, one: str, other: str, joins: Iterable[tuple[int, int, bool]]) -> None:
        """Take in many associations at once (see `Joins.load`)."""
        with self.lock:
            self.joins.load((kind_of(one).name, kind_of(other).name), joins)

    def joined(self, pair: Pair, id: int) -> dict[int, frozenset[Spec]]:
        """The living records of the second object type that a record of the first is associated with."""
        there = self.records[pair[1]].state.records
        found = self.joins.of(pair, id)
        return {to: specs for to, specs in found.items() if to in there and there[to].archived is None}

    # -- the door ----------------------------------------------------------------------------------

    def authenticate(self, call: Call, route: Route) -> Answer | None:
        if route.traits.get("open"):
            return None
        scheme, _, key = call.headers.get("Authorization", "").partition(" ")
        token = self.state.tokens.get(key.strip())
        if token is None or scheme.lower() != "bearer":
            return self.words.unauthorized()
        call.token = key.strip()
        call.notes["token"] = token
        if token.expires is not None and token.expires <= ms(call.now):
            return self.words.expired((ms(call.now) - token.expires) // 1000)
        scopes = route.traits.get("scopes", ())
        needed = frozenset(scopes(call) if callable(scopes) else scopes)
        return None if needed <= token.scopes else self.words.scopes(needed)

    def spend(self, call: Call, route: Route) -> Answer | None:
        if route.traits.get("open"):
            return None
        policy = self.limiter.spend(call, route, call.notes["token"])
        return None if policy is None else self.words.limit(policy)

    def headers(self, call: Call, route: Route) -> tuple[tuple[str, str], ...]:
        """Rate-limit headers; answers to search carry none (facts: Limits)."""
        token = call.notes.get("token")
        if token is None or not self.quotas or route.traits.get("search"):
            return ()
        return self.limiter.headers(call, token)

    def too_many(self, retry_after: float | None = None) -> Answer:
        return self.words.limit("TEN_SECONDLY_ROLLING", retry_after)

    def broken(self, status: int = 500) -> Answer:
        return self.words.error(status, "INTERNAL_ERROR", "internal error")

    def malformed(self, message: str) -> Answer:
        return self.words.error(400, "VALIDATION_ERROR", f"Invalid input JSON: {message}")

    def saying(self, handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        """*handler*, with the portal's refusals put into HubSpot's words."""

        def said(call: Call) -> Answer:
            try:
                return handler(call)
            except Refusal as refusal:
                raise Stop(self.words.refusal(refusal)) from None

        return said

    # -- what happens by itself --------------------------------------------------------------------

    def restored(self) -> None:
        self.portal.bind(self.state, self.state)
        for kind in OTHERS:
            self.records[kind.name].bind(self.state, self.state.shelves[kind.name])
        self.joins.state = self.state

    def _joined(self, name: str, id: int) -> None:
        """The associations of a record changed."""
        records = self.records[name]
        record = records.state.records.get(id)
        if record is not None and self.switches.associating_touches:
            records.touch(record, ms(self.clock()))
        records.version += 1

    def _index_later(self, name: str, record: Record, now: int, before: Doc | None) -> None:
        """Search lags (facts: Reading): until the index has run it shows what stood there before."""
        if self.late_index > 0:
            self.records[name].state.stale.setdefault(record.id, []).append(before)
            self.later(utc(now) + timedelta(seconds=self.late_index), "index", name, record.id)

    def _slow_rewrites(self, name: str, record: Record, written: Mapping[str, str], now: int, origin: Origin) -> None:
        if not self.rewrites:
            return
        for field, value in written.items():
            if value:
                what = ("rewrite", name, record.id, field, value)
                self.rewrite_later(field, utc(now), *what, by_person=origin.by_person)

    def do_later(self, what: tuple[Any, ...], now: datetime) -> None:
        records, id = self.records[what[1]], what[2]
        if what[0] == "index":
            stale = records.state.stale
            if waiting := stale.get(id):
                waiting.pop(0)
                if not waiting:
                    del stale[id]
                records.version += 1
            return
        *_, name, value = what
        record, rewrite = records.state.records.get(id), self.rewrites.get(name)
        if record is None or record.archived or record.props.get(name) != value or rewrite is None:
            return  # written over in the meantime
        records.rewrite_now(record, {name: rewrite.apply(value)}, ms(now))

    def dump(self) -> Iterator[dict[str, Any]]:
        """Contacts (living, archived), consent by address, aliases; other objects, associations, lists."""
        yield from dump(self.portal)
        yield from self.preferences.dump()
        yield {"kind": "aliases", "aliases": {str(k): str(v) for k, v in self.state.alias.items()}}
        for kind in OTHERS:
            yield from dump(self.records[kind.name])
        yield from self.joins.dump()
        yield from self.lists.dump()
