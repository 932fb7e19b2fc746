"""Webhooks of Brevo: set up over the API, one event a call, unsigned; a secret may stand in the address.

The names within deliveries are those of the vendor's guide to marketing webhooks; the description has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import orjson

from sandbox.brevo_core import BrevoCore, refused
from sandbox.brevo_state import Contact, Json, stamp
from sandbox.platform import Answer, Call, Stop, Unknown
from sandbox.webhooks import Letter, Mailroom
from sandbox.webhooks_wire import Sealed

HOOKS: Final = "/webhooks"
NAMES: Final = {
    "spam": "spam",
    "opened": "opened",
    "click": "click",
    "hardBounce": "hard_bounce",
    "softBounce": "soft_bounce",
    "unsubscribed": "unsubscribe",
    "listAddition": "list_addition",
    "delivered": "delivered",
    "contactUpdated": "contact_updated",
    "contactDeleted": "contact_deleted",
}
WAITS: Final = (600, 3600, 7200)  # facts: retried; how often and when is not said


class BrevoMailroom(Mailroom):
    """Deliveries of all hooks of one account."""

    box: BrevoCore
    forgeries = ("wrong_secret", "unsigned")

    def tell_all(self, event: str, contact: Contact, now: datetime, more: Mapping[str, Any]) -> None:
        moment = int(now.timestamp())
        for hook in self.box.state.hooks.values():
            if event in hook["events"]:
                told = {
                    "event": NAMES[event],
                    "id": hook["id"],
                    "email": contact.email,
                    "date_event": f"{now:%Y-%m-%d %H:%M:%S}",
                    "ts": moment,
                    "ts_event": moment,
                    **more,
                }
                self.tell(str(hook["id"]), told, now)

    def address(self, hook: str) -> str | None:
        found = self.box.state.hooks.get(int(hook))
        return str(found["url"]) if found is not None else None

    def seal(self, letter: Letter, now: datetime) -> Sealed:
        return Sealed(letter.url, {"Content-Type": "application/json"}, orjson.dumps(letter.events[0]))

    def forge(self, letter: Letter, how: str, now: datetime) -> Sealed:
        """Nothing is signed: a forger lacks the secret in the address."""
        parts = urlsplit(letter.url)
        query = "secret=not-the-secret" if how == "wrong_secret" else ""
        true = self.seal(letter, now)
        return Sealed(urlunsplit((*parts[:3], query, "")), true.headers, true.body)

    def wait(self, attempt: int) -> timedelta | None:
        return timedelta(seconds=WAITS[attempt]) if attempt < len(WAITS) else None


class Hooks:
    """The handlers of the webhook paths."""

    def __init__(self, core: BrevoCore) -> None:
        self.core = core
        core.route("GET", HOOKS, self.page, query=("type", "sort"))
        core.route("POST", HOOKS, self.make, write=True)
        core.route("DELETE", f"{HOOKS}/<webhook_id>", self.drop, write=True)

    def page(self, call: Call) -> Answer:
        if call.one("type", "transactional") != "marketing":
            raise Unknown("webhooks of another type than marketing")
        found = list(self.core.state.hooks.values())
        if not found and self.core.switches.empty_hooks == 404:
            raise Stop(refused("document_not_found", "Webhook not found", 404))
        return Answer(200, {"webhooks": found})

    def make(self, call: Call) -> Answer:
        body = self.core.body(call, ("url", "description", "events", "type"))
        if body.get("type") != "marketing":
            raise Unknown("a webhook of another type than marketing")
        if strange := [one for one in body.get("events", ()) if one not in NAMES]:
            raise Stop(refused("invalid_parameter", f"events: {strange[0]}"))
        if not str(body.get("url", "")).startswith(("https://", "http://127.0.0.1")):
            raise Stop(refused("invalid_parameter", "url"))
        number = self.core.state.number("hook")
        made: Json = {
            "id": number,
            "createdAt": stamp(call.now),
            "modifiedAt": stamp(call.now),
            "description": "",
            **body,
        }
        self.core.state.hooks[number] = made
        return Answer(201, {"id": number})

    def drop(self, call: Call) -> Answer:
        if self.core.state.hooks.pop(int(call.args["webhook_id"]), None) is None:
            raise Stop(refused("document_not_found", "Webhook ID does not exist", 404))
        return Answer(204)
