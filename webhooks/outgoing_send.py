"""The sender: what is due leaves, signed by Standard Webhooks; what became of it is noted.

Killed between the answer and its note, a delivery leaves again with the same id, by which a listener knows it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from standardwebhooks import Webhook

from connectors.http_transport import Lost, NotSent, Transport
from sync.events_kinds import envelope
from sync.lease import Busy, lease
from sync.store.database import Database
from webhooks import outgoing, outgoing_desk
from webhooks.outgoing_address import BadAddress, check_address
from webhooks.outgoing_desk import Due
from webhooks.outgoing_schedule import Said, asked_wait

LEASE = "tell"
AT_ONCE = 8
"""Listeners told at the same time; each hears one event after the other."""

TOGETHER = 50
"""Deliveries to one listener in one step."""

PORTION = 10.0
"""Seconds after which a slow listener's portion ends: the others wait for it."""

TIMEOUT = 15.0
"""Seconds within which a listener has to answer."""

AGENT = "Regulars"

_LOG = logging.getLogger("regulars.told")


@dataclass(slots=True)
class Sender:
    """Sends what is due. `secret` finds a subscription's; *local* allows private addresses. Times are the store's."""

    database: Database
    secret: Callable[[str], str]
    transport: Transport
    local: bool = False
    clock: Callable[[], float] = time.monotonic

    def is_due(self) -> bool:
        """Whether there is something to send."""
        with self.database.read() as conn:
            return bool(outgoing_desk.listeners_due(conn, self.database.now()))

    def send(self) -> int:
        """Send what is due now, to each listener a portion; returns how many attempts were made."""
        try:
            with lease(self.database, LEASE, wait=0):
                with self.database.read() as conn:
                    listeners = outgoing_desk.listeners_due(conn, self.database.now())
                if len(listeners) < 2:
                    return sum(map(self._tell, listeners))
                with ThreadPoolExecutor(min(AT_ONCE, len(listeners)), "tell") as pool:
                    return sum(pool.map(self._tell, listeners))
        except Busy:
            return 0

    def _tell(self, listener: str) -> int:
        """One listener's portion, until it is through or the listener rests."""
        with self.database.read() as conn:
            one = outgoing.one(conn, listener)
            waiting = outgoing_desk.due(conn, listener, self.database.now(), TOGETHER)
        secret = self.secret(listener) if one is not None and waiting else ""
        until = self.clock() + PORTION
        for number, which in enumerate(waiting, 1):
            assert one is not None
            status, said, asked = self._post(one.url, secret, which)
            now = self.database.now()
            with self.database.durable() as conn:
                meant = outgoing_desk.note(conn, listener, which, status, said, now, asked)
                after = outgoing.one(conn, listener)
            _log(listener, which, status, said, taken=meant is Said.TAKEN)
            rests = after is None or not after.active or after.rests_until > now
            if meant is Said.GONE or rests or self.clock() >= until:
                return number
        return len(waiting)

    def _post(self, url: str, secret: str, which: Due) -> tuple[int, str, int]:
        """One attempt: the answer's status (0: none), what to note, and the wait that was asked for."""
        body = msgspec.json.encode(envelope(which.event, which.kind, which.at, msgspec.json.decode(which.data)))
        if not secret:
            return 0, "its secret is not kept here any more", 0
        try:
            headers = signed(secret, which.event, body, self.database.now())
            answer = self.transport.send("POST", check_address(url, local=self.local), headers, body, TIMEOUT)
        except BadAddress as error:
            return 0, str(error), 0
        except NotSent as error:
            return 0, str(error), 0
        except Lost as error:
            return 0, f"the connection broke off ({error})", 0
        said = f"answered {answer.status}"
        if 300 <= answer.status < 400:
            said += ", a redirect, which is not followed"
        return answer.status, said, asked_wait(answer.headers.get("retry-after", ""))


def _log(listener: str, which: Due, status: int, said: str, *, taken: bool) -> None:
    """One attempt in the log: whose, of what, and how it went; not what was told."""
    fields = {
        "event": "delivery.taken" if taken else "delivery.failed",
        "delivery": which.id,
        "subscription": listener,
        "told": which.event,
        "kind": which.kind,
        "status": status,
        "attempt": which.attempts + 1,
    }
    words = ("delivery %d of %s to %s: %s", which.id, which.kind, listener, said)
    _LOG.log(logging.INFO if taken else logging.WARNING, *words, extra={"fields": fields})


def signed(secret: str, identity: str, body: bytes, now: int) -> Mapping[str, str]:
    """The headers of a delivery."""
    at = datetime.fromtimestamp(now // 1000, UTC)
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "webhook-id": identity,
        "webhook-timestamp": str(now // 1000),
        "webhook-signature": Webhook(secret).sign(identity, at, body.decode()),
    }
