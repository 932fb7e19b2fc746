"""Hooks of the emulated Mailchimp, for the tests: made, told, verified."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from typing import Any

from sandbox.mailchimp import LIST, MailchimpSandbox
from tests.sandbox.mailchimp_caller import Caller
from tests.sandbox.webhooks_listener import Heard, Listener

Json = dict[str, Any]
HOOKS = f"/lists/{LIST}/webhooks"
ALL = {"subscribe": True, "unsubscribe": True, "profile": True, "cleaned": True, "upemail": True, "campaign": True}
PEOPLE = {"user": True, "admin": True, "api": False}
BOB = "bob@post.example"


def hook(call: Caller, url: str, **more: Any) -> Json:
    answer = call("POST", HOOKS, {"url": url, "events": ALL, "sources": {**PEOPLE, "api": True}, **more})
    assert answer.status_code == 200, answer.data
    made: Json = answer.json
    return made


def told(call: Caller, listener: Listener) -> list[str]:
    """The types of the events that are due now, once they are delivered."""
    before = len(listener.forms)
    call.box.postman.deliver()
    return [form["type"] for form in listener.forms[before:]]


def advance_to_next(box: MailchimpSandbox) -> None:
    due = box.postman.next_due()
    assert due is not None
    box.clock.advance(max(0.0, (due - box.clock()).total_seconds()))


def verified(one: Heard, secret: str, now: datetime) -> bool:
    """The steps of the guide: header apart, age below five minutes either way, HMAC over stamp, dot and raw body."""
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", one.headers.get("X-Mailchimp-Signature", ""))
    if found is None or abs(now.timestamp() - int(found[1])) > 300:
        return False
    message = found[1].encode() + b"." + one.body
    return hmac.compare_digest(hmac.new(secret.encode(), message, hashlib.sha256).hexdigest(), found[2])
