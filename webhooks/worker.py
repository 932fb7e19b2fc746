"""The worker: does whatever is due, and remembers nothing. Due is what the store says: mail that waits, a pull whose
time has come. Losing a wake-up loses nothing; it is only seen at the next look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

LOOK = 1.0
"""Seconds after which a worker looks by itself whether mail waits that another process filed."""

LONGEST = 30.0
"""Seconds that it rests at most after one failure upon another."""


class Work(Protocol):
    """What a worker can do; each may be called at any time, twice, and be killed in."""

    def mail_waits(self) -> bool:
        """Whether the inbox holds something."""

    def hear(self) -> None:
        """Look again at what the inbox names."""

    def pull_is_due(self) -> bool:
        """Whether it is time to look at everything that changed."""

    def pull(self) -> None:
        """Do so."""


@dataclass(slots=True)
class Worker:
    """Carries out what is due until it is told to stop. `wake` may be called from any thread."""

    work: Work
    failed: Callable[[Exception], None]
    rest: float = LOOK
    _woken: threading.Event = field(default_factory=threading.Event)
    _ending: threading.Event = field(default_factory=threading.Event)

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def stop(self) -> None:
        """Finish what is at hand, then end."""
        self._ending.set()
        self._woken.set()

    def run(self) -> None:
        """Work until stopped."""
        rest = self.rest
        while not self._ending.is_set():
            self._woken.clear()
            try:
                busy = self.turn()
                rest = self.rest
            except Exception as error:  # noqa: BLE001 - told, and tried again later
                self.failed(error)
                busy, rest = False, min(LONGEST, 2 * rest)
            if not busy:
                self._woken.wait(rest)

    def turn(self) -> bool:
        """Do one thing that is due; whether there was one. Mail goes before pulls: a withdrawal may be in it."""
        if self.work.mail_waits():
            self.work.hear()
            return True
        if self.work.pull_is_due():
            self.work.pull()
            return True
        return False
