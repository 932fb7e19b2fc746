"""Time as the emulators see it: the real one, or one that a test moves."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 9, tzinfo=UTC)


class Clock:
    """The real time, in UTC."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def advance(self, seconds: float) -> None:
        raise TypeError("the real time cannot be moved; give the emulator a SimClock")


class SimClock(Clock):
    """A clock that stands where a test puts it.

    Each reading moves it on by *step*, so that stamps order; `freeze` gives equal stamps.
    """

    def __init__(self, start: datetime = START, step: timedelta = timedelta(milliseconds=1)) -> None:
        self.now = start
        self.step = step
        self.frozen = False
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            if not self.frozen:
                self.now += self.step
            return self.now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self.now += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
