"""Hootsuite's webhooks, rehearsed: an app's events in batches of up to 100, and the inbox's write-back.

developer.hootsuite.com/docs/webhooks-overview; the callbacks of the Inbox 2.0 description, which repeats after 1, 2, 4,
8, 16 and 32 hours. How an app's events are repeated is said nowhere: here as the inbox's are.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson

from sandbox.webhooks import Letter, Mailroom
from sandbox.webhooks_wire import Sealed

if TYPE_CHECKING:
    from sandbox.platform import Emulator

APP, INBOX = "app", "inbox"
HOURS: Final = (1, 2, 4, 8, 16, 32)


class HootsuiteMailroom(Mailroom):
    """One address for both, and one shared secret."""

    most = 100
    box: Any

    def __init__(self, box: Emulator, signature: str) -> None:
        super().__init__(box)
        self.signature = signature  # hex, base64, secret
        self.url, self._secret = "", ""

    def set_up(self, url: str, secret: str) -> None:
        self.url, self._secret = url, secret

    def tell_state(self, message: str, state: str, now: datetime) -> None:
        """A message's state changed."""
        if self.url:
            data = {"state": state, "organization": {"id": "626731"}, "message": {"id": message}, "timestamp": _at(now)}
            event = {"seq_no": self._sequence(), "type": "com.hootsuite.messages.event.v1", "data": data}
            self.tell(APP, event, now + timedelta(seconds=5))

    def tell_conversation(self, contact: str, medium: str, email: str, wrote: bool, now: datetime) -> None:
        """A conversation was closed. Of X neither words nor the person are told."""
        if not self.url:
            return
        data: dict[str, Any] = {
            "conversation": {"id": f"talk-{contact}", "createdAt": _at(now), "currentStatus": "resolved"},
            "medium": {"id": medium},
        }
        if medium != "tw":
            held = [{"attribute": "email", "value": email, "source": "CRM_CONFIRMED"}] if email else []
            words = [{"id": "1", "direction": "INBOUND" if wrote else "OUTBOUND", "text": "Is there rye?"}]
            data |= {"contactProfile": {"id": contact}, "contactAttributes": held, "messages": words}
        key = str(UUID(int=int(self._sequence())))
        event = {
            "type": "CONVERSATION_RESOLVED",
            "version": 1,
            "idempotencyKey": key,
            "timestamp": _at(now),
            "data": data,
        }
        self.tell(INBOX, event, now)

    def _sequence(self) -> str:
        self.box.state.sequence += 1
        return str(self.box.state.sequence)

    def pack(self, notices: Any) -> list[Letter]:
        """The inbox tells one conversation at a time."""
        letters = super().pack(notices)
        alone = [Letter(one.hook, one.url, (each,)) for one in letters if one.hook == INBOX for each in one.notices]
        return [one for one in letters if one.hook == APP] + alone

    def address(self, hook: str) -> str | None:
        return self.url or None

    def seal(self, letter: Letter, now: datetime) -> Sealed:
        body = self._body(letter)
        return self._sealed(letter, body, self._proof(body, self._secret))

    def forge(self, letter: Letter, how: str, now: datetime) -> Sealed:
        """Where the secret itself is sent, whoever alters a body has to know it: then *altered* lacks it."""
        body = self._body(letter)
        if how == "wrong_secret":
            return self._sealed(letter, body, self._proof(body, "another secret"))
        if how == "altered" and self.signature != "secret":
            return self._sealed(letter, body + b" ", self._proof(body, self._secret))
        return self._sealed(letter, body, "")

    def wait(self, attempt: int) -> timedelta | None:
        return timedelta(hours=HOURS[attempt]) if attempt < len(HOURS) else None

    def _body(self, letter: Letter) -> bytes:
        return orjson.dumps(list(letter.events) if letter.hook == APP else letter.events[0])

    def _proof(self, body: bytes, secret: str) -> str:
        digest = hmac.digest(secret.encode(), body, "sha512")
        return {"hex": digest.hex(), "base64": b64encode(digest).decode(), "secret": secret}[self.signature]

    def _sealed(self, letter: Letter, body: bytes, proof: str) -> Sealed:
        headers = {"Content-Type": "application/json"}
        return Sealed(letter.url, {**headers, "X-Hootsuite-Signature": proof} if proof else headers, body)


def _at(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H:%M:%SZ}"
