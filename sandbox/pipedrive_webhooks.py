"""Webhooks of Pipedrive, version 2: set up over the API, told of persons, proven by HTTP Basic, tried again thrice."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

from sandbox.pipedrive_core import COMPANY, USER, PipedriveCore, failed
from sandbox.pipedrive_state import EVERY_STATUS, Json, Person, show, stamp
from sandbox.platform import Answer, Call, Stop, Unknown
from sandbox.webhooks import Letter, Mailroom
from sandbox.webhooks_wire import Sealed

HOOKS: Final = "/v1/webhooks"
MADE: Final = (
    "subscription_url",
    "event_action",
    "event_object",
    "version",
    "http_auth_user",
    "http_auth_password",
)
MOST: Final = 40  # facts, Webhooks: 40 per user
WAITS: Final = (3, 30, 150)  # seconds; facts, Webhooks


class PipedriveMailroom(Mailroom):
    """Deliveries of all hooks of one company."""

    box: PipedriveCore

    def tell_all(self, action: str, person: Person, before: Json | None, now: datetime, by: str) -> None:
        """facts: a merge is two events, linked by `merged_to_id`."""
        after = show(person, self.box.switches, EVERY_STATUS) if action != "delete" else None
        merged = {} if person.merged_into is None else {"merged_to_id": person.merged_into}
        for hook in self.box.state.hooks.values():
            if hook["is_active"] and hook["event_action"] in ("*", action):
                number = self.box.state.number("event")
                meta = {
                    "action": action,
                    "entity": "person",
                    "entity_id": str(person.id),
                    "company_id": str(COMPANY),
                    "user_id": str(USER),
                    "id": str(UUID(int=number)),
                    "timestamp": stamp(now),
                    "type": "general",
                    "version": "2.0",
                    "webhook_id": str(hook["id"]),
                    "change_source": "api" if by == "api" else "app",
                }
                previous = {**before, **merged} if before is not None else None
                self.tell(str(hook["id"]), {"meta": meta, "data": after, "previous": previous}, now)

    def _hook(self, key: str) -> Json | None:
        return self.box.state.hooks.get(int(key))

    def address(self, hook: str) -> str | None:
        found = self._hook(hook)
        return str(found["subscription_url"]) if found is not None else None

    def seal(self, letter: Letter, now: datetime) -> Sealed:
        hook = self._hook(letter.hook) or {}
        return self._sealed(letter, hook.get("http_auth_user"), hook.get("http_auth_password"))

    def _sealed(self, letter: Letter, user: str | None, password: str | None) -> Sealed:
        notice = letter.notices[0]
        event = {**notice.event, "meta": {**notice.event["meta"], "attempt": notice.attempt + 1}}
        headers = {"Content-Type": "application/json", "User-Agent": "Pipedrive Webhooks"}
        if user:
            headers["Authorization"] = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        return Sealed(letter.url, headers, orjson.dumps(event))

    def forge(self, letter: Letter, how: str, now: datetime) -> Sealed:
        """A body is not signed: who has the password may write what they like, so *altered* lacks it too."""
        hook = self._hook(letter.hook) or {}
        if how == "wrong_secret":
            return self._sealed(letter, hook.get("http_auth_user") or "regulars", "not the password")
        return self._sealed(letter, None, None)

    def wait(self, attempt: int) -> timedelta | None:
        return timedelta(seconds=WAITS[attempt]) if attempt < len(WAITS) else None


class Hooks:
    """The handlers of the webhook paths."""

    def __init__(self, core: PipedriveCore) -> None:
        self.core = core
        token = ("api_token",)
        core.route("GET", HOOKS, self.page, query=token, admin=True, cost=20)
        core.route("POST", HOOKS, self.make, query=token, write=True, admin=True, cost=10)
        core.route("DELETE", f"{HOOKS}/<id>", self.drop, query=token, write=True, admin=True, cost=6)

    def page(self, call: Call) -> Answer:
        shown = [_shown(hook) for hook in self.core.state.hooks.values()]
        return Answer(200, {"success": True, "status": "ok", "data": shown})

    def make(self, call: Call) -> Answer:
        body = self.core.body(call, MADE)
        if body.get("version") != "2.0":
            raise Unknown("a webhook of another version than 2.0")
        if body.get("event_object") != "person" or body.get("event_action") != "*":
            raise Unknown("a webhook of anything but all events of persons")
        if not str(body.get("subscription_url", "")).startswith(("https://", "http://127.0.0.1")):
            raise Stop(Answer(400, {"success": False, "status": "error", "errors": {"subscription_url": ["invalid"]}}))
        if len(self.core.state.hooks) >= MOST:
            raise Stop(failed(400, "Too many webhooks"))
        number = self.core.state.number("hook", 600)
        hook = {"id": number, "is_active": 1, "add_time": stamp(call.now), **body}
        self.core.state.hooks[number] = hook
        return Answer(201, {"success": True, "status": "ok", "data": _shown(hook)})

    def drop(self, call: Call) -> Answer:
        if self.core.state.hooks.pop(int(call.args["id"]), None) is None:
            raise Stop(Answer(404, {"success": False, "status": "error", "errors": {"id": ["not found"]}}))
        return Answer(200, {"success": True, "status": "ok"})


def _shown(hook: Json) -> Json:
    """The password is shown as well (description)."""
    return {
        **{name: value for name, value in hook.items() if name != "version"},
        "company_id": COMPANY,
        "owner_id": USER,
        "user_id": USER,
        "admin_id": USER,
        "type": "general",
        "additional_data": {},
    }
