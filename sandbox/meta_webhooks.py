"""Webhooks of Meta: subscriptions of the app by object, deliveries signed over their escaped bytes.

The challenge that an address has to meet is not asked for: the sandbox's wire brings back no bodies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any, Final

from sandbox.meta_core import SECRET, MetaCore
from sandbox.meta_state import INSTAGRAM, PAGE, Json
from sandbox.webhooks import Letter, Mailroom
from sandbox.webhooks_wire import Sealed

WAITS: Final = (30, 300, 1800, 7200, 28_800, 86_400)  # facts (?): with falling frequency, up to 36 hours
OWN: Final = {"page": PAGE, "instagram": INSTAGRAM}


class MetaMailroom(Mailroom):
    """Deliveries of one app."""

    box: MetaCore
    most = 1000  # facts (?): batches up to 1,000

    def changed(self, kind: str, field: str, value: Json, now: datetime) -> None:
        self._file(kind, field, {"changes": [{"field": field, "value": value}]}, now)

    def wrote(self, kind: str, event: Json, now: datetime) -> None:
        field = "message_echoes" if event["message"].get("is_echo") else "messages"
        self._file(kind, field, {"messaging": [event]}, now)

    def _file(self, kind: str, field: str, what: Json, now: datetime) -> None:
        hook = self.box.state.hooks.get(kind)
        if hook is not None and field in hook["fields"]:
            seconds = int(now.timestamp())
            time = seconds * 1000 if "messaging" in what else seconds
            self.tell(kind, {"id": OWN[kind], "time": time, **what}, now)

    def address(self, hook: str) -> str | None:
        found = self.box.state.hooks.get(hook)
        return str(found["url"]) if found is not None else None

    def seal(self, letter: Letter, now: datetime) -> Sealed:
        return self._sealed(letter, SECRET)

    def _sealed(self, letter: Letter, secret: str) -> Sealed:
        body = _escaped({"object": letter.hook, "entry": list(letter.events)})
        return Sealed(letter.url, {"Content-Type": "application/json", **_signature(secret, body)}, body)

    def forge(self, letter: Letter, how: str, now: datetime) -> Sealed:
        if how == "wrong_secret":
            return self._sealed(letter, "not the app's secret")
        true = self._sealed(letter, SECRET)
        if how == "altered":
            return Sealed(true.url, true.headers, true.body.replace(b'"entry"', b'"entry" '))
        return Sealed(true.url, {"Content-Type": "application/json"}, true.body)

    def wait(self, attempt: int) -> timedelta | None:
        return timedelta(seconds=WAITS[attempt]) if attempt < len(WAITS) else None


def _escaped(value: Any) -> bytes:
    """JSON as Meta writes it: other letters than those of ASCII, and slashes, are escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def _signature(secret: str, body: bytes) -> Json:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
