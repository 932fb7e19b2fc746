"""Webhooks of an audience as settings: listed, made, changed, deleted.

Facts: Webhooks (events, sources, the check of the address on creation, the signing secret that is shown once). The
fields ``signing_enabled`` and ``signing_secret`` are newer than description 3.0.55.

Not documented, so a choice of this file: what an omitted source or event means (false); that changing the address
checks the new one too; that changing a hook does not switch it on again.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5, sha256
from typing import Any, Final

from sandbox.mailchimp_rules import invalid, not_found
from sandbox.mailchimp_state import Audience
from sandbox.mailchimp_webhooks import MailchimpHooked
from sandbox.platform import Answer, Call, Stop, Unknown
from sandbox.webhooks import Json

EVENTS: Final = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES: Final = ("user", "admin", "api")
HOOK: Final = ("url", "events", "sources")
SHOWN: Final = ("id", "url", "events", "sources", "list_id", "signing_enabled")
HOOKS: Final = "/3.0/lists/<list_id>/webhooks"


class Hooks:
    """The handlers of the webhook paths."""

    def __init__(self, core: MailchimpHooked) -> None:
        self.core = core
        core.route("GET", HOOKS, self.page)
        core.route("POST", HOOKS, self.create, write=True)
        core.route("GET", f"{HOOKS}/<webhook_id>", self.read)
        core.route("PATCH", f"{HOOKS}/<webhook_id>", self.change, write=True)
        core.route("DELETE", f"{HOOKS}/<webhook_id>", self.drop, write=True)

    def page(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        hooks = [_shown(hook) for hook in audience.webhooks.values() if self._listed(hook)]
        return Answer(200, {"webhooks": hooks, "list_id": audience.id, "total_items": len(hooks)})

    def read(self, call: Call) -> Answer:
        return Answer(200, _shown(self._hook(call)))

    def create(self, call: Call) -> Answer:
        audience = self.core.audience(call)
        body = self.core.body(call, HOOK)
        events, sources = self._flags(body, "events", EVENTS), self._flags(body, "sources", SOURCES)
        url = self._url(audience, body.get("url", ""))
        hook = self.add(audience, url, events, sources)
        secret = {"signing_secret": hook["signing_secret"]} if hook["signing_enabled"] else {}
        return Answer(200, {**_shown(hook), **secret})  # "shown exactly once"

    def add(self, audience: Audience, url: str, events: Mapping[str, bool], sources: Mapping[str, bool]) -> Json:
        """Make a hook whose address has been checked."""
        if not audience.webhooks:
            self.core.mailroom.remember(audience)
        id = md5(f"webhook {self.core.number()}".encode(), usedforsecurity=False).hexdigest()[:10]
        signed = self.core.mailroom.habits.signed
        hook: Json = {
            "id": id,
            "url": url,
            "events": {**dict.fromkeys(EVENTS, False), **events},
            "sources": {**dict.fromkeys(SOURCES, False), **sources},
            "list_id": audience.id,
            "signing_enabled": signed,
            "signing_secret": sha256(f"secret of {self.core.account_id} {id}".encode()).hexdigest() if signed else "",
            "off": False,
            "failures": 0,
        }
        audience.webhooks[id] = hook
        return hook

    def change(self, call: Call) -> Answer:
        audience, hook, body = self.core.audience(call), self._hook(call), self.core.body(call, HOOK)
        events, sources = self._flags(body, "events", EVENTS), self._flags(body, "sources", SOURCES)
        if body.get("url", hook["url"]) != hook["url"]:
            hook["url"] = self._url(audience, body["url"])
        hook["events"] = {**hook["events"], **events}
        hook["sources"] = {**hook["sources"], **sources}
        return Answer(200, _shown(hook))

    def drop(self, call: Call) -> Answer:
        self._hook(call)
        del self.core.audience(call).webhooks[call.args["webhook_id"]]
        return Answer(204)

    def _hook(self, call: Call) -> Json:
        hook = self.core.audience(call).webhooks.get(call.args["webhook_id"])
        if hook is None or not self._listed(hook):
            raise Stop(not_found())
        return hook

    def _listed(self, hook: Json) -> bool:
        return self.core.mailroom.habits.off_listed or not hook["off"]

    def _url(self, audience: Audience, url: Any) -> str:
        if not str(url).startswith(("http://", "https://")):
            raise Stop(invalid([("url", "We couldn't connect to the specified URL.")]))
        if any(hook["url"] == url for hook in audience.webhooks.values()):
            raise Stop(invalid([("url", "Sorry, you can't set up multiple WebHooks for one URL")]))
        if not self.core.mailroom.check(url):
            raise Stop(invalid([("url", "We couldn't connect to the specified URL.")]))
        return str(url)

    def _flags(self, body: Json, name: str, known: tuple[str, ...]) -> dict[str, bool]:
        given: dict[str, bool] = body.get(name, {})
        self.core.only(given, known, name)
        if any(not isinstance(value, bool) for value in given.values()):
            raise Unknown(f"{name} of a webhook that are not true or false")
        return given


def _shown(hook: Json) -> Json:
    return {name: hook[name] for name in SHOWN}
