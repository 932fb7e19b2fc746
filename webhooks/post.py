"""The post: deliveries into the inbox, durably, many in one transaction.

Whoever delivers waits until its delivery survives a power cut. One writer takes all that wait and commits them
together: several writers on one SQLite file fight for its lock, and a commit each costs a flush of the disk each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

from sync import inbox
from sync.inbox import Mail
from sync.store.database import Database
from sync.store.errors import StoreError

TOGETHER = 256
"""Deliveries in one transaction at most."""

PATIENCE = 4.0
"""Seconds that a delivery waits to be filed; HubSpot gives up after five."""


class Overloaded(Exception):
    """The delivery could not be filed in time; whoever sent it shall send it again."""


class Post:
    """Files deliveries. `told` is called, from the writer's thread, after new ones were filed."""

    def __init__(self, database: Database, told: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._told = told
        self._waiting: SimpleQueue[tuple[Mail, Future[bool]] | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._run, name="post", daemon=True)
        self._writer.start()

    def put(self, mail: Mail) -> bool:
        """File a delivery; whether it had not come before. Returns when it is on disk. Raises Overloaded."""
        filed: Future[bool] = Future()
        self._waiting.put((mail, filed))
        try:
            return filed.result(PATIENCE)
        except TimeoutError:
            filed.cancel()
            raise Overloaded("not filed in time") from None
        except StoreError as error:
            raise Overloaded(str(error)) from error

    def close(self) -> None:
        """File what waits, then end."""
        self._waiting.put(None)
        self._writer.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            while len(group) < TOGETHER and not self._waiting.empty():
                one = self._waiting.get()
                if one is None:
                    self._waiting.put(None)
                    break
                group.append(one)
            self._file([(mail, filed) for mail, filed in group if filed.set_running_or_notify_cancel()])

    def _file(self, group: list[tuple[Mail, Future[bool]]]) -> None:
        try:
            with self._database.durable(beside=True) as conn:
                new = inbox.file(conn, [mail for mail, _ in group])
        except Exception as error:  # noqa: BLE001 - each of them is told, and the writer lives on
            for _, filed in group:
                filed.set_exception(error if isinstance(error, StoreError) else StoreError(str(error)))
            return
        for _, filed in group:
            filed.set_result(new > 0)
        if new:
            self._told()
