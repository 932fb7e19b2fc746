"""Rounds in one process: a scheduler looks now and then, and at once when it is woken; each connection that has
something due is drained on a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from webhooks.rounds import LOOK, Trouble, Work

_LOOK = "look"
TIDY = 3600.0
"""Seconds between two times of tidying up."""

logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what fails is told by ourselves


class Here:
    """Drains in this process. Several processes may do so on one store: the leases keep them apart."""

    def __init__(self, work: Work, failed: Callable[[Exception], None], look: float = LOOK) -> None:
        self._work = work
        self._trouble = Trouble(failed, time.monotonic)
        self._every = look
        self._ended = threading.Event()
        self._busy: set[str] = set()
        self._again = False
        self._lock = threading.Lock()
        # One thread for each connection, one to look, one to tidy: nothing waits for a thread.
        pool = ThreadPoolExecutor(len(work.names()) + 2)
        self._scheduler = BackgroundScheduler(executors={"default": pool}, timezone=UTC)

    def run(self) -> None:
        add, soon = self._scheduler.add_job, datetime.now(UTC)
        often = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None, "next_run_time": soon}
        add(self._look, "interval", seconds=self._every, id=_LOOK, **often)
        add(self._tidy, "interval", seconds=TIDY, **often)
        self._scheduler.start()
        while not self._ended.wait(3600):  # a wait with an end lets signals through
            pass
        self._scheduler.shutdown(wait=True)

    def wake(self) -> None:
        with self._lock:
            if _LOOK in self._busy:
                self._again = True  # it may have read the store already
                return
        if self._scheduler.running and not self._ended.is_set():
            self._scheduler.modify_job(_LOOK, next_run_time=datetime.now(UTC))

    def stop(self) -> None:
        self._ended.set()

    def _going(self) -> bool:
        return not self._ended.is_set()

    def _look(self) -> None:
        with self._lock:
            self._busy.add(_LOOK)
        more = True
        while more and self._going():
            self._trouble.watch(_LOOK, self._start_due)
            with self._lock:
                more, self._again = self._again, False
                if not more:
                    self._busy.discard(_LOOK)
        with self._lock:
            self._busy.discard(_LOOK)

    def _start_due(self) -> None:
        for name in self._work.due():
            with self._lock:
                if name in self._busy or self._trouble.rests(name) or not self._going():
                    continue  # whoever is at it looks again before they leave
                self._busy.add(name)
            self._scheduler.add_job(self._drain, args=[name], misfire_grace_time=None)

    def _drain(self, name: str) -> None:
        self._trouble.watch(name, lambda: self._work.drain(name, self._going))
        with self._lock:
            self._busy.discard(name)
        self.wake()  # it may have planned something for others

    def _tidy(self) -> None:
        self._trouble.watch("", self._work.tidy)
