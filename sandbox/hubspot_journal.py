"""HubSpot's webhooks journal: what happened, in order, in files that an app fetches; and what it asked to be told.

Docs: the guides "Webhooks journal and management APIs", "Webhook journal APIs" (2026-03); paths, parameters and answers
after the vendor's descriptions; facts: Webhooks journal. A token of the app itself (``client_credentials``) opens it,
with scopes of its own. The journal reaches back three days; an offset from before, or an unknown one, is a 404.

Not documented, so a choice of this file (`hubspot_rules.Switches` where both settings make sense): what stands at the
end; the words in ``type``; when what happened is published (when somebody next reads); that an empty list of objects
means all; that the address of a file answers 403 once it has expired; how many files one batch may ask for.

Not emulated: the numbered paths (``/webhooks/v4/...``), the journal of one account (``journal-local``), snapshots,
filters, ``LIST_MEMBERSHIP`` and ``APP_LIFECYCLE_EVENT``, ``RESTORE`` and ``SNAPSHOT``; the journal's own rate limits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from sandbox.hubspot_kinds import BY_NAME, kind_of
from sandbox.hubspot_links import PRIMARIES
from sandbox.hubspot_rules import missing
from sandbox.hubspot_search import bad
from sandbox.hubspot_state import Change, HubSpotState, JournalEntry, JournalSubscription, Pair, Spec, ms, stamp
from sandbox.platform import Answer, Call, Unknown
from sandbox.webhooks import Json

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

APP_ID = 9001
READ = ("developer.webhooks_journal.read",)
SUBSCRIPTIONS_READ = ("developer.webhooks_journal.subscriptions.read",)
SUBSCRIPTIONS_WRITE = ("developer.webhooks_journal.subscriptions.write",)
SCOPES = frozenset((*READ, *SUBSCRIPTIONS_READ, *SUBSCRIPTIONS_WRITE))
JOURNAL, SUBSCRIPTIONS = "/webhooks-journal/journal/2026-03", "/webhooks-journal/subscriptions/2026-03"
DAYS_KEPT = 3 * 86_400_000
MINUTES_OPEN = 5 * 60_000  # of a file's address
MOST_AT_ONCE = 100
ACTIONS = {
    "OBJECT": ("CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"),
    "ASSOCIATION": ("ASSOCIATION_ADDED", "ASSOCIATION_REMOVED"),
    "GDPR_PRIVACY_DELETION": ("GDPR_DELETE",),
}
FIELDS = {
    "OBJECT": ("actions", "objectIds", "objectTypeId", "portalId", "properties", "subscriptionType"),
    "ASSOCIATION": ("actions", "associatedObjectTypeIds", "objectIds", "objectTypeId", "portalId", "subscriptionType"),
    "GDPR_PRIVACY_DELETION": ("actions", "objectTypeId", "portalId", "subscriptionType"),
}
TOLD_AS = {"creation": "CREATE", "propertyChange": "UPDATE", "deletion": "DELETE", "merge": "MERGE"}


class Journal:
    """What the emulator writes into it, and the handlers over it."""

    def __init__(self, box: HubSpotSandbox) -> None:
        self.box = box
        for path, handler in (
            ("/earliest", self.earliest),
            ("/latest", self.latest),
            ("/offset/<offset>/next", self.following),
            ("/batch/earliest/<count>", self.earliest_batch),
            ("/batch/latest/<count>", self.latest_batch),
            ("/batch/<offset>/next/<count>", self.following_batch),
        ):
            self._add("GET", JOURNAL + path, handler, READ, query=("installPortalId",))
        self._add("POST", JOURNAL + "/batch/read", self.read_batch, READ, query=("installPortalId",))
        self._add("GET", SUBSCRIPTIONS, self.subscriptions, SUBSCRIPTIONS_READ)
        self._add("POST", SUBSCRIPTIONS, self.subscribe, SUBSCRIPTIONS_WRITE, write=True)
        self._add("GET", SUBSCRIPTIONS + "/<subscription>", self.subscription, SUBSCRIPTIONS_READ)
        self._add("DELETE", SUBSCRIPTIONS + "/<subscription>", self.drop, SUBSCRIPTIONS_WRITE, write=True)
        self._add("DELETE", SUBSCRIPTIONS + "/portals/<portal>", self.drop_all, SUBSCRIPTIONS_WRITE, write=True)
        box.route("GET", "/journal-files/<offset>", self.file, query=("expires",), open=True)

    def _add(
        self, method: str, path: str, handler: Callable[[Call], Answer], scopes: Collection[str], **more: Any
    ) -> None:
        self.box.route(method, path, self.box.saying(handler), scopes=scopes, exempt=True, **more)

    @property
    def state(self) -> HubSpotState:
        state: HubSpotState = self.box.state
        return state

    # -- what happened -----------------------------------------------------------------------------

    def changed(self, name: str, change: Change) -> None:
        """A record of the object type *name* was made, changed, merged or removed."""
        type_id, at = kind_of(name).type_id, change.at or ms(self.box.clock())
        if change.what == "privacyDeletion":
            self._file("GDPR_PRIVACY_DELETION", type_id, "GDPR_DELETE", change.id, at, {})
            return
        about: Json = {}
        if change.what in ("creation", "propertyChange"):
            about = {"propertyChanges": dict(change.values)}
        elif change.what == "merge" and self.box.switches.journal_merge == "ids":
            about = {
                "primaryObjectId": change.winner,
                "mergedObjectIds": [change.loser],
                "newObjectId": change.id,
            }
        self._file("OBJECT", type_id, TOLD_AS[change.what], change.id, at, about)

    def joined(self, pair: Pair, one: int, other: int, before: frozenset[Spec], after: frozenset[Spec]) -> None:
        """The types of the association of two records changed; each direction is an event of its own."""
        at = ms(self.box.clock())
        for (here, there), (mine, theirs) in ((pair, (one, other)), (pair[::-1], (other, one))):
            for specs, action in ((after - before, "ASSOCIATION_ADDED"), (before - after, "ASSOCIATION_REMOVED")):
                if not specs - {PRIMARIES.get(pair)}:
                    continue
                other_type = kind_of(there).type_id
                about = {"associatedObjectId": theirs, "associatedObjectTypeId": other_type}
                self._file("ASSOCIATION", kind_of(here).type_id, action, mine, at, about)

    def _file(self, kind: str, type_id: str, action: str, id: int, at: int, about: Json) -> None:
        """One event, if any subscription asks for it."""
        for hook in self.state.journal_subscriptions.values():
            if (hook.kind, hook.type_id) != (kind, type_id) or action not in hook.actions:
                continue
            if hook.objects and id not in hook.objects:
                continue
            if hook.others and about.get("associatedObjectTypeId") not in hook.others:
                continue
            changes = about.get("propertyChanges")
            if changes is not None:
                shown = {name: value for name, value in changes.items() if name in hook.properties}
                if action == "UPDATE" and not shown and self.box.switches.journal_properties == "filter":
                    continue
                about = {**about, "propertyChanges": shown}
            event: Json = {
                "type": {"OBJECT": "crmObject", "ASSOCIATION": "association"}.get(kind, "privacyDeletion"),
                "portalId": self.box.portal_id,
                "occurredAt": stamp(at),
                "action": action,
                "objectTypeId": type_id,
                "objectId": id,
                **about,
            }
            self.state.journal_open.append(event)
            return

    def publish(self, now: int) -> None:
        """Make an entry of what happened since the last one, and let go of what is too old."""
        state = self.state
        if state.journal_open:
            state.last_entry += 1
            offset = str(UUID(int=(0x3E1C << 112) | (state.last_entry * 0x9E3779B97F4A7C15) % (1 << 64)))
            state.journal.append(JournalEntry(offset, now, tuple(state.journal_open)))
            state.journal_open = []
        state.journal = [entry for entry in state.journal if entry.at > now - DAYS_KEPT]

    # -- reading on --------------------------------------------------------------------------------

    def _published(self, call: Call) -> list[JournalEntry]:
        """All entries that are still there, what happened since the last reading as a new one; none of another
        account."""
        self.publish(ms(call.now))
        portal = call.one("installPortalId")
        if portal and not portal.isdigit():
            raise bad(f"Invalid input: installPortalId {portal[:20]} is no number")
        return self.state.journal if portal in ("", str(self.box.portal_id)) else []

    def _after(self, call: Call) -> list[JournalEntry]:
        entries, offset = self._published(call), call.args["offset"]
        for place, entry in enumerate(entries):
            if entry.offset == offset:
                return entries[place + 1 :]
        raise missing(f"Offset {offset[:40]} does not exist or has expired")

    def earliest(self, call: Call) -> Answer:
        return self._one(call, self._published(call)[:1])

    def latest(self, call: Call) -> Answer:
        return self._one(call, self._published(call)[-1:])

    def following(self, call: Call) -> Answer:
        after = self._after(call)
        if not after and self.box.switches.journal_end == "same":
            return self._one(call, [one for one in self.state.journal if one.offset == call.args["offset"]])
        return self._one(call, after[:1])

    def _one(self, call: Call, entries: list[JournalEntry]) -> Answer:
        return Answer(200, self._shown(call, entries[0])) if entries else Answer(204)

    def earliest_batch(self, call: Call) -> Answer:
        return self._batch(call, self._published(call)[: self._count(call)])

    def latest_batch(self, call: Call) -> Answer:
        return self._batch(call, self._published(call)[-self._count(call) :])

    def following_batch(self, call: Call) -> Answer:
        return self._batch(call, self._after(call)[: self._count(call)])

    def read_batch(self, call: Call) -> Answer:
        wanted = self.box.body(call, ("inputs",)).get("inputs")
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise bad("Invalid input JSON: inputs must be a list of offsets")
        return self._batch(call, [entry for entry in self._published(call) if entry.offset in wanted])

    def _count(self, call: Call) -> int:
        text = call.args["count"]
        if not text.isdigit() or not 1 <= int(text) <= MOST_AT_ONCE:
            raise bad(f"Invalid input: count {text[:20]} must be between 1 and {MOST_AT_ONCE}")
        return int(text)

    def _batch(self, call: Call, entries: list[JournalEntry]) -> Answer:
        if not entries and self.box.switches.journal_end == "204":
            return Answer(204)
        at = stamp(ms(call.now))
        results = [self._shown(call, entry) for entry in entries]
        return Answer(200, {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at})

    def _shown(self, call: Call, entry: JournalEntry) -> Json:
        expires = ms(call.now) + MINUTES_OPEN
        url = f"http://{call.headers.get('Host', '127.0.0.1')}/journal-files/{entry.offset}?expires={expires}"
        return {"url": url, "expiresAt": stamp(expires), "currentOffset": entry.offset}

    def file(self, call: Call) -> Answer:
        """A file of the journal, at an address that whoever has it may call, for a while."""
        expires = call.one("expires")
        if call.headers.get("Authorization"):
            return Answer(400, b"<Error><Code>InvalidArgument</Code></Error>", (("Content-Type", "application/xml"),))
        if not expires.isdigit() or int(expires) <= ms(call.now):
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", (("Content-Type", "application/xml"),))
        for entry in self.state.journal:
            if entry.offset == call.args["offset"]:
                body = {"offset": entry.offset, "journalEvents": list(entry.events), "publishedAt": stamp(entry.at)}
                return Answer(200, orjson.dumps(body), (("Content-Type", "application/json"),))
        return Answer(404, b"<Error><Code>NoSuchKey</Code></Error>", (("Content-Type", "application/xml"),))

    # -- subscriptions -----------------------------------------------------------------------------

    def subscriptions(self, call: Call) -> Answer:
        return Answer(200, {"results": [self._described(one) for one in self.state.journal_subscriptions.values()]})

    def subscription(self, call: Call) -> Answer:
        return Answer(200, self._described(self._named(call)))

    def drop(self, call: Call) -> Answer:
        del self.state.journal_subscriptions[self._named(call).id]
        return Answer(204)

    def drop_all(self, call: Call) -> Answer:
        if call.args["portal"] == str(self.box.portal_id):
            self.state.journal_subscriptions.clear()
        return Answer(204)

    def subscribe(self, call: Call) -> Answer:
        """Make or change what is asked for of one object type."""
        body = self.box.body(call)
        kind = body.get("subscriptionType") if isinstance(body, dict) else None
        if kind not in FIELDS:
            raise Unknown(f"subscriptions of the journal to {str(kind)[:40]}")
        self.box.only(body, FIELDS[kind], SUBSCRIPTIONS)
        lacking = [name for name in FIELDS[kind] if name not in body]
        if lacking:
            raise bad(f"Invalid input JSON: {', '.join(lacking)} are required")
        actions, type_id = body["actions"], body["objectTypeId"]
        if not actions or not set(actions) <= set(ACTIONS[kind]):
            raise bad(f"Invalid input JSON: actions {actions} do not go with {kind}")
        if type_id not in BY_NAME or body["portalId"] != self.box.portal_id:
            raise bad("Invalid input JSON: objectTypeId or portalId is not known")
        now, hooks = ms(call.now), self.state.journal_subscriptions
        known = next((one for one in hooks.values() if (one.kind, one.type_id) == (kind, type_id)), None)
        made = JournalSubscription(
            known.id if known else max(hooks, default=60_001_000) + 1,
            kind,
            type_id,
            tuple(actions),
            tuple(body.get("properties", ())),
            tuple(body.get("objectIds", ())),
            tuple(body.get("associatedObjectTypeIds", ())),
            known.created if known else now,
            now,
        )
        hooks[made.id] = made
        return Answer(200, self._described(made))

    def _named(self, call: Call) -> JournalSubscription:
        key = call.args["subscription"]
        found = self.state.journal_subscriptions.get(int(key)) if key.isdigit() else None
        if found is None:
            raise missing(f"Subscription {key[:40]} does not exist")
        return found

    def _described(self, one: JournalSubscription) -> Mapping[str, Any]:
        return {
            "id": one.id,
            "appId": APP_ID,
            "subscriptionType": one.kind,
            "objectTypeId": one.type_id,
            "portalId": self.box.portal_id,
            "actions": list(one.actions),
            "properties": list(one.properties),
            "objectIds": list(one.objects),
            "associatedObjectTypeIds": list(one.others),
            "createdAt": stamp(one.created),
            "updatedAt": stamp(one.updated),
        }
