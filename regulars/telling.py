"""Telling others while `serve` or `worker` runs: on a thread of its own, so that a slow listener delays no change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from connectors.http_transport import SocketTransport
from regulars.workspace import Workspace
from sync import events
from sync.events_stirred import KEPT
from sync.lease import Busy, leases
from webhooks.outgoing import secret_name
from webhooks.outgoing_send import TIMEOUT, Sender
from webhooks.worker import Worker

AFTER_BUSY = 0.5
"""Seconds after which is looked again where another process was at it."""

FORGETS = 3600.0
"""Seconds between two looks for events that may be forgotten."""


@dataclass(slots=True)
class Telling:
    """What a worker does to tell others; all of it follows from the store."""

    business: Workspace
    sender: Sender
    clock: Callable[[], float] = time.monotonic
    _rests_until: float = 0.0
    _forget_at: float = 0.0

    def mail_waits(self) -> bool:
        """Whether something is due to somebody, or a run was killed before its events were derived."""
        if self.clock() < self._rests_until:
            return False
        with self.business.read() as conn:
            untold = events.untold(conn)
        return untold or self.sender.is_due()

    def hear(self) -> None:
        database = self.business.database
        with self.business.read() as conn:
            untold = events.untold(conn)
        if untold:
            try:
                with leases(database, ()) as held, held.people():
                    events.derive(database, database.now())
            except Busy:
                self._rests_until = self.clock() + AFTER_BUSY  # that run derives them at its end
        if not self.sender.send():
            self._rests_until = self.clock() + AFTER_BUSY

    def pull_is_due(self) -> bool:
        return self.clock() >= self._forget_at

    def pull(self) -> None:
        """Forget what is old."""
        database = self.business.database
        with database.write() as conn:
            some = events.forget(conn, database.now() - KEPT)
        if some < events.MOST:
            self._forget_at = self.clock() + FORGETS


def sender(business: Workspace) -> Sender:
    """The business's sender. Addresses within this machine and its network are called only if its file says so."""
    local = business.config.webhooks.private_listeners

    def secret(identity: str) -> str:
        return business.vault.get(secret_name(identity)).get("secret", "")

    return Sender(business.database, secret, SocketTransport(local=local, bodies=False), local)


@contextmanager
def telling(business: Workspace, failed: Callable[[Exception], None]) -> Iterator[None]:
    """Tell others meanwhile; at the end, what is at hand is finished."""
    found = sender(business)
    worker = Worker(Telling(business, found), failed)
    thread = threading.Thread(target=worker.run, name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(TIMEOUT)
        found.transport.close()
