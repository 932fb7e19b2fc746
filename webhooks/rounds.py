"""What brings a worker to the work. The work itself is derived from the store: whoever brings late, twice or not at all
loses nothing, and `drain` may be called at any time, anywhere.

Two ways: in one process (`rounds_here`), and over processes and machines by way of PostgreSQL (`rounds_queue`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

LOOK = 1.0
"""Seconds after which is looked by itself whether something is due, in case nobody told."""

LONGEST = 30.0
"""Seconds for which a connection is left alone at most after one failure upon another."""


class Work(Protocol):
    """What there is to do, by connection."""

    def names(self) -> Sequence[str]:
        """Every connection."""

    def due(self) -> Sequence[str]:
        """Those at which something is due now, as the store says."""

    def drain(self, name: str, going: Callable[[], bool]) -> None:
        """Take the connection's lease or leave; do all that is due there, as long as *going*."""

    def tidy(self) -> None:
        """What is done now and then, by whoever comes to it."""


class Rounds(Protocol):
    """Brings workers to the work until it is stopped. `wake` and `stop` may be called from any thread."""

    def run(self) -> None:
        """Work until stopped; what is at hand then is finished first."""

    def wake(self) -> None:
        """There may be something to do."""

    def stop(self) -> None:
        """Finish what is at hand, then end `run`."""


@dataclass(slots=True)
class Trouble:
    """How long each connection is left alone by this process after failures that no run could note in the store."""

    failed: Callable[[Exception], None]
    clock: Callable[[], float]
    _counts: dict[str, int] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def rests(self, name: str) -> bool:
        """Whether it is left alone just now."""
        with self._lock:
            return self._until.get(name, 0.0) > self.clock()

    def watch(self, name: str, act: Callable[[], None]) -> bool:
        """Do something; a failure is told, and what failed is left alone for longer each time. Whether it went well."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - told, and tried again later
            with self._lock:
                count = self._counts[name] = self._counts.get(name, 0) + 1
                self._until[name] = self.clock() + min(LONGEST, LOOK * 2.0**count)
            self.failed(error)
            return False
        with self._lock:
            self._counts.pop(name, None)
            self._until.pop(name, None)
        return True
