"""Settings and subscriptions of an app's webhooks, numbered (v3) and date version 2026-03.

Facts: Webhooks push (who configures; at most 1,000 subscriptions). Docs: "Webhooks API"; bodies and answers after the
vendor's descriptions. The numbered paths take the developer's key (``hapikey``), the newer ones a bearer token. Private
apps are set up in the product: `HubSpotHooked.human_set_webhooks`.

Not documented, so a choice of this file: 404 where there are no settings yet; that a subscription is paused unless
``active`` is given (so it is in the product); that the same subscription may be made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.hubspot_kinds import BY_NAME
from sandbox.hubspot_rules import Refusal, missing
from sandbox.hubspot_search import bad
from sandbox.hubspot_state import HookSettings, HookSubscription, HubSpotState, ms, stamp
from sandbox.hubspot_webhooks import APP_ID, EVENTS, add_subscription
from sandbox.platform import Answer, Call, Stop, Unknown
from sandbox.webhooks_wire import LOOPBACK

if TYPE_CHECKING:
    from sandbox.hubspot import HubSpotSandbox

DEVELOPER_KEY = "sandbox-developer-key"
V3, TODAY = "/webhooks/v3/<app>", "/webhooks/2026-03/<app>"
MOST = 1000
FEWEST_AT_ONCE = 6  # "must be a number greater than five"
NEVER_TOLD = ("num_unique_conversion_events", "hs_lastmodifieddate")
FULL = "Couldn't create another subscription. You've reached the maximum number allowed per application (1000)."


class HooksApi:
    """Handlers over the app's settings and subscriptions."""

    def __init__(self, box: HubSpotSandbox) -> None:
        self.box = box
        for base in (V3, TODAY):
            self._add("GET", base + "/settings", self.settings)
            self._add("PUT", base + "/settings", self.set_settings, write=True)
            self._add("DELETE", base + "/settings", self.clear_settings, write=True)
            self._add("GET", base + "/subscriptions", self.subscriptions)
            self._add("POST", base + "/subscriptions", self.subscribe, write=True)
            self._add("POST", base + "/subscriptions/batch/update", self.update_batch, write=True)
            self._add("GET", base + "/subscriptions/<subscription>", self.subscription)
            self._add("PATCH", base + "/subscriptions/<subscription>", self.update, write=True)
            self._add("DELETE", base + "/subscriptions/<subscription>", self.drop, write=True)

    def _add(self, method: str, path: str, handler: Callable[[Call], Answer], **more: Any) -> None:
        def checked(call: Call) -> Answer:
            if by_key and call.one("hapikey") != DEVELOPER_KEY:
                raise Stop(self.box.words.unauthorized())
            if call.args["app"] != str(APP_ID):
                raise missing(f"App {call.args['app'][:40]} does not exist")
            return handler(call)

        by_key = path.startswith(V3)
        query = ("hapikey",) if by_key else ()
        self.box.route(method, path, self.box.saying(checked), query=query, open=by_key, **more)

    @property
    def state(self) -> HubSpotState:
        state: HubSpotState = self.box.state
        return state

    # -- settings ----------------------------------------------------------------------------------

    def settings(self, call: Call) -> Answer:
        settings = self.state.hook_settings
        if settings is None:
            raise missing(f"No webhook settings exist for app {APP_ID}")
        return Answer(200, _settings(settings))

    def set_settings(self, call: Call) -> Answer:
        body = self.box.body(call, ("targetUrl", "throttling"))
        url, throttling = body.get("targetUrl"), body.get("throttling")
        if not isinstance(url, str) or not isinstance(throttling, dict):
            raise bad("Invalid input JSON: targetUrl and throttling are required")
        self.box.only(throttling, ("maxConcurrentRequests",), "throttling")
        at_once = throttling.get("maxConcurrentRequests")
        if not isinstance(at_once, int) or at_once < FEWEST_AT_ONCE:
            raise bad("maxConcurrentRequests must be a number greater than five")
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise bad("targetUrl must be served over HTTPS")  # but for this machine: the sandbox is plain
        now, known = ms(call.now), self.state.hook_settings
        made = HookSettings(url, at_once, known.created if known else now, now)
        self.state.hook_settings = made
        return Answer(200, _settings(made))

    def clear_settings(self, call: Call) -> Answer:
        self.state.hook_settings = None
        return Answer(204)

    # -- subscriptions -----------------------------------------------------------------------------

    def subscriptions(self, call: Call) -> Answer:
        return Answer(200, {"results": [_subscription(one) for one in self.state.hooks.values()]})

    def subscribe(self, call: Call) -> Answer:
        body = self.box.body(call, ("eventType", "propertyName", "active", "objectTypeId"))
        event, prop = body.get("eventType"), body.get("propertyName") or ""
        type_id, active = body.get("objectTypeId") or "", body.get("active", False)
        if not isinstance(event, str) or not isinstance(active, bool):
            raise bad("Invalid input JSON: eventType is a text and active a boolean")
        if event not in EVENTS:
            raise Unknown(f"webhooks of {event[:60]}")
        if event.endswith(".propertyChange") is not bool(prop):
            raise bad(f"propertyName is required for property changes, and for nothing else; {event} has '{prop}'")
        if prop in NEVER_TOLD:
            raise bad(f"Property {prop} is not available for property change subscriptions")
        if event.startswith("object.") and type_id not in BY_NAME:
            raise bad(f"objectTypeId is required for {event}")
        if len(self.state.hooks) >= MOST:
            raise Refusal(400, "VALIDATION_ERROR", FULL)
        made = add_subscription(self.state, event, prop, type_id, ms(call.now), active=active)
        return Answer(201, _subscription(made))

    def subscription(self, call: Call) -> Answer:
        return Answer(200, _subscription(self._one(call.args["subscription"])))

    def update(self, call: Call) -> Answer:
        found = self._one(call.args["subscription"])
        return Answer(200, _subscription(_activate(found, self.box.body(call, ("active",)), ms(call.now))))

    def drop(self, call: Call) -> Answer:
        del self.state.hooks[self._one(call.args["subscription"]).id]
        return Answer(204)

    def update_batch(self, call: Call) -> Answer:
        inputs = self.box.body(call, ("inputs",)).get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(given, dict) for given in inputs):
            raise bad("Invalid input JSON: inputs must be a list of objects")
        results, failed = [], []
        for given in inputs:
            self.box.only(given, ("id", "active"), "an input of a batch of subscriptions")
            try:
                results.append(_subscription(_activate(self._one(str(given.get("id"))), given, ms(call.now))))
            except Refusal as refusal:
                failed.append(_failed(refusal, str(given.get("id"))))
        at = stamp(ms(call.now))
        body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
        if not failed:
            return Answer(200, body)
        return Answer(207, {**body, "numErrors": len(failed), "errors": failed})

    def _one(self, key: str) -> HookSubscription:
        found = self.state.hooks.get(int(key)) if key.isdigit() else None
        if found is None:
            raise missing(f"Subscription {key[:40]} does not exist")
        return found


def _activate(found: HookSubscription, body: Mapping[str, Any], now: int) -> HookSubscription:
    active = body.get("active", found.active)
    if not isinstance(active, bool):
        raise bad("Invalid input JSON: active is a boolean")
    found.active, found.updated = active, now
    return found


def _settings(settings: HookSettings) -> dict[str, Any]:
    return {
        "targetUrl": settings.url,
        "throttling": {"maxConcurrentRequests": settings.at_once},
        "createdAt": stamp(settings.created),
        "updatedAt": stamp(settings.updated),
    }


def _subscription(one: HookSubscription) -> dict[str, Any]:
    shown = {
        "id": str(one.id),
        "eventType": one.event,
        "propertyName": one.property,
        "objectTypeId": one.type_id,
        "active": one.active,
        "createdAt": stamp(one.created),
        "updatedAt": stamp(one.updated),
    }
    return {name: value for name, value in shown.items() if value != ""}


def _failed(refusal: Refusal, id: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": refusal.category,
        "message": refusal.message,
        "context": {"ids": [id]},
        "links": {},
        "errors": [],
    }
