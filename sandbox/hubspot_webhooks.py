"""HubSpot's webhooks: which events a change makes, how they are worded, packed, signed and tried again.

Docs: the guides "Webhooks API" (payloads, retries, limits), "Generic webhook subscriptions", "Validating requests",
the changelog "New subscription types for webhooks", and facts: Webhooks push, Signature.

Documented and kept: a JSON array of up to 100 events; the fields of each kind; ``attemptNumber`` from 0; five seconds
for an answer; ten more attempts over 24 hours on no connection, no answer in time, 4xx and 5xx, spread at random for
each notification; no order; a privacy deletion also is a deletion; a primary association also is a plain one; no
address check; v3 signatures over the address with some characters decoded, v1 beside them.

Not documented, so a choice of this file (`Habits` where both settings make sense): the single waits between attempts;
that redirects count as failures; ``objectId`` of a merge (the winner; seen in others' tests); ``newObjectId`` where no
record was made (the winner again); that notifications of one event for two subscriptions share its ``eventId``
("not guaranteed to be unique"); ``changeFlag`` (one official example, ``NEW``); the source of the deletions that a
merge makes.

Not emulated: restoring, so ``*.restore`` is never sent; products, line items, conversations, ``event.completed``;
``object.associationChange`` (its fields are not described); settings that are cached for five minutes;
webhooks of workflows, but for their v2 signature.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.hubspot_kinds import KINDS, kind_of
from sandbox.hubspot_links import PRIMARIES, UNLABELLED
from sandbox.hubspot_state import (
    API,
    PERSON,
    Change,
    HookSettings,
    HookSubscription,
    Origin,
    Pair,
    Spec,
    ms,
)
from sandbox.platform import Answer, Call, Emulator, Route, utc
from sandbox.webhooks import Json, Letter, Mailroom, merged_headers
from sandbox.webhooks_wire import Sealed

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

APP_ID = 9001
AT_ONCE = 10
AGENT = "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)"  # (3p)
FIRST_EVENT = 3_816_279_000
MINUTES = (1, 5, 15, 30, 60, 120, 180, 240, 300, 360)  # ten waits, 21 h 51 min in all; (?) but for number and sum
SPREAD = 0.09  # of each wait, at random: the latest of all comes within 24 hours
JOINED = frozenset(("contacts", "companies", "deals", "tickets"))  # whose associations are told
WHAT = ("creation", "deletion", "propertyChange", "merge", "restore")
EVENTS = frozenset(
    [f"{kind.singular}.{what}" for kind in KINDS if kind.name in JOINED for what in (*WHAT, "associationChange")]
    + [f"object.{what}" for what in WHAT]
    + ["contact.privacyDeletion"]
)
DECODED = {  # facts: Signature, the characters that are decoded before signing
    f"%{ord(character):02X}": character for character in ":/?@!$'()*,;"
}

_BY: ContextVar[Origin] = ContextVar("who is at work", default=PERSON)


@dataclass
class Habits:
    """What the documents leave open, or what depends on the app."""

    signatures: tuple[str, ...] = ("v1", "v3")  # an old app: v1 alone; a workflow: v2
    most: int = 100  # "the batch size can vary"
    merge_tells_deletion: bool = True  # of the record that went (3p)
    merge_tells_properties: bool = False  # of the values that the winner gained (3p)


class HubSpotMailroom(Mailroom):
    """The webhooks of the portal's one app."""

    patience = 5.0
    forgeries = ("wrong_secret", "unsigned", "altered", "downgraded")
    box: HubSpotSandbox

    def __init__(self, box: HubSpotSandbox) -> None:
        super().__init__(box)
        self.habits = Habits()

    @property
    def most(self) -> int:  # type: ignore[override]
        return self.habits.most

    @property
    def at_once(self) -> int:  # type: ignore[override]
        """Facts: Webhooks push, ten deliveries at a time unless the app's settings say otherwise."""
        settings: HookSettings | None = self.box.state.hook_settings
        return settings.at_once if settings is not None else AT_ONCE

    # -- what happened -----------------------------------------------------------------------------

    def changed(self, name: str, change: Change) -> None:
        """A record of the object type *name* was made, changed, merged or removed."""
        if not self._listening():
            return
        merging = change.origin is not None and change.origin.type == "MERGE_OBJECTS"
        if merging and change.what == "deletion" and not self.habits.merge_tells_deletion:
            return
        if merging and change.what == "propertyChange" and not self.habits.merge_tells_properties:
            return
        at = change.at or ms(self.box.clock())
        origin = _BY.get() if change.origin is None or change.what == "merge" else change.origin
        match change.what:
            case "creation":
                self._file(name, "creation", at, origin, {"objectId": change.id, "changeFlag": "NEW"})
                self._properties(name, change, at, origin)
            case "propertyChange":
                self._properties(name, change, at, origin)
            case "deletion":
                self._file(name, "deletion", at, origin, {"objectId": change.id})
            case "privacyDeletion":
                self._file(name, "deletion", at, origin, {"objectId": change.id})
                self._file(name, "privacyDeletion", at, origin, {"objectId": change.id})
            case "merge":
                self._file(name, "merge", at, origin, _merge(change))

    def _properties(self, name: str, change: Change, at: int, origin: Origin) -> None:
        for prop, value in change.values.items():
            about = {"objectId": change.id, "propertyName": prop, "propertyValue": value}
            self._file(name, "propertyChange", at, origin, about)

    def joined(self, pair: Pair, one: int, other: int, before: frozenset[Spec], after: frozenset[Spec]) -> None:
        """The types of the association of two records changed; each direction is an event of its own."""
        if not self._listening() or not JOINED.issuperset(pair):
            return
        at = ms(self.box.clock())
        joins = self.box.joins
        self._joined(pair, one, other, after - before, removed=False, at=at)
        self._joined(pair, one, other, before - after, removed=True, at=at)
        back = pair[::-1]
        for specs, removed in ((after - before, False), (before - after, True)):
            inverse = frozenset(joins.inverse(pair, spec) for spec in specs)
            self._joined(back, other, one, inverse, removed=removed, at=at)

    def _joined(self, pair: Pair, one: int, other: int, specs: frozenset[Spec], *, removed: bool, at: int) -> None:
        names = [kind_of(name).singular.upper() for name in pair]
        for spec in sorted(specs):
            primary = spec == PRIMARIES.get(pair)
            if not primary and spec != UNLABELLED[pair]:
                continue  # a further label on what is joined already
            about = {
                "associationType": f"{names[0]}_TO_{names[1]}",
                "fromObjectId": one,
                "toObjectId": other,
                "associationRemoved": removed,
                "isPrimaryAssociation": primary,
            }
            self._file(pair[0], "associationChange", at, _BY.get(), about)

    def _listening(self) -> bool:
        state = self.box.state
        return state.hook_settings is not None and any(hook.active for hook in state.hooks.values())

    def _file(self, name: str, what: str, at: int, origin: Origin, about: Json) -> None:
        """One event for each active subscription to it."""
        kind, state = kind_of(name), self.box.state
        event_id = FIRST_EVENT + state.last_event
        for hook in state.hooks.values():
            if not hook.active or (hook.property and hook.property != about.get("propertyName")):
                continue
            generic = hook.event == f"object.{what}" and hook.type_id == kind.type_id
            if not generic and hook.event != f"{kind.singular}.{what}":
                continue
            event = {
                "eventId": event_id,
                "subscriptionId": hook.id,
                "portalId": self.box.portal_id,
                "appId": APP_ID,
                "occurredAt": at,
                "subscriptionType": hook.event,
                **about,
                "changeSource": origin.type,
                "sourceId": origin.id,
            }
            if generic:
                event["objectTypeId"] = kind.type_id
                if what == "propertyChange":
                    event["isSensitive"] = False
            self.tell("", event, utc(at - 1))  # *at* is rounded, and may lie half a millisecond ahead
            state.last_event = event_id - FIRST_EVENT + 1

    # -- one request -------------------------------------------------------------------------------

    def address(self, hook: str) -> str | None:
        settings: HookSettings | None = self.box.state.hook_settings
        return settings.url if settings is not None else None

    def seal(self, letter: Letter, now: datetime) -> Sealed:
        events = [{**notice.event, "attemptNumber": notice.attempt} for notice in letter.notices]
        body = orjson.dumps(events)
        return Sealed(letter.url, self._headers(letter.url, body, now, self.box.client_secret), body)

    def _headers(self, url: str, body: bytes, now: datetime, secret: str) -> dict[str, str]:
        plain = {"Content-Type": "application/json", "User-Agent": AGENT}
        versions = self.habits.signatures
        old = {}
        for version in ("v1", "v2"):
            if version in versions:
                signed = secret.encode() + (f"POST{url}".encode() if version == "v2" else b"") + body
                old = {
                    "X-HubSpot-Signature": hashlib.sha256(signed).hexdigest(),
                    "X-HubSpot-Signature-Version": version,
                }
        if "v3" not in versions:
            return merged_headers(plain, old)
        stamp = str(ms(now))
        signed = f"POST{decoded(url)}".encode() + body + stamp.encode()
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
        new = {"X-HubSpot-Signature-v3": base64.b64encode(digest).decode(), "X-HubSpot-Request-Timestamp": stamp}
        return merged_headers(plain, old, new)

    def forge(self, letter: Letter, how: str, now: datetime) -> Sealed:
        """*altered*: a true request with other objects in it; *downgraded*: its v3 signature taken away."""
        true = self.seal(letter, now)
        match how:
            case "wrong_secret":
                headers = self._headers(true.url, true.body, now, "not-" + self.box.client_secret)
                return Sealed(true.url, headers, true.body)
            case "unsigned":
                return Sealed(true.url, _without(true.headers, "x-hubspot-"), true.body)
            case "altered":
                events = [{**event, "eventId": event["eventId"] + 1} for event in orjson.loads(true.body)]
                return Sealed(true.url, true.headers, orjson.dumps(events))
            case "downgraded":
                dropped = _without(true.headers, "x-hubspot-signature-v3", "x-hubspot-request")
                return Sealed(true.url, dropped, true.body)
        raise ValueError(f"no such forgery: {how}")

    def wait(self, attempt: int) -> timedelta | None:
        if attempt >= len(MINUTES):
            return None
        return timedelta(minutes=MINUTES[attempt] * self.dice.uniform(1 - SPREAD, 1 + SPREAD))


class HubSpotHooked(Emulator):
    """The part of the emulator that knows who is at work, and what a person sets up in the product."""

    mailroom: HubSpotMailroom

    def _handle(self, route: Route, call: Call) -> Answer:
        token = _BY.set(API)
        try:
            return super()._handle(route, call)
        finally:
            _BY.reset(token)

    def human_set_webhooks(
        self, url: str, events: Sequence[str], properties: Mapping[str, Sequence[str]] | None = None, at_once: int = 10
    ) -> list[int]:
        """Set up the webhooks of a private app in the product (facts: not over the API).

        *events* are such as ``contact.creation``; *properties* names the properties to follow for each object type
        (``{"contact": ["email"]}``). What was set up before goes.
        """
        now = ms(self.clock())
        wanted = [(event, "") for event in events]
        for name, names in (properties or {}).items():
            wanted += [(f"{kind_of(name).singular}.propertyChange", prop) for prop in names]
        strange = [event for event, prop in wanted if event not in EVENTS or bool(prop) is not ("property" in event)]
        if strange:
            raise ValueError(f"no event that a private app can follow so: {', '.join(strange)}")
        state = self.state
        state.hook_settings = HookSettings(url, at_once, now, now)
        state.hooks = {}
        return [add_subscription(state, event, prop, "", now, active=True).id for event, prop in wanted]

    def human_drop_webhooks(self) -> None:
        self.state.hook_settings, self.state.hooks = None, {}


def add_subscription(state: Any, event: str, prop: str, type_id: str, now: int, *, active: bool) -> HookSubscription:
    """Note one more subscription."""
    id = max(state.hooks, default=100) + 1
    made = state.hooks[id] = HookSubscription(id, event, prop, type_id, active, now, now)
    return made


def decoded(url: str) -> str:
    """The address as it is signed: some of its percent-encoded characters are decoded (facts: Signature)."""
    for code, character in DECODED.items():
        url = url.replace(code, character).replace(code.lower(), character)
    return url


def _merge(change: Change) -> Json:
    return {
        "objectId": change.winner,
        "primaryObjectId": change.winner,
        "mergedObjectIds": [change.loser],
        "newObjectId": change.id,
        "numberOfPropertiesMoved": len(change.values),
    }


def _without(headers: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if not name.lower().startswith(prefixes)}
