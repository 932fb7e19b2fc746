"""Pace: how fast one account may be called.

Stacked windows ("100 calls in any 10 s", "5 searches in any second") and a cap on calls at once. Slots are
reserved in order, so that many threads wait their turn instead of waking together. Limits that a platform's
answers state replace ours. Time comes from an injected clock and sleep.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

Clock = Callable[[], float]
Sleep = Callable[[float], None]
Learn = Callable[["Pace", Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Window:
    """At most *calls* in any *seconds*, on one lane ("" is the lane of ordinary calls)."""

    calls: int
    seconds: float
    lane: str = ""


class _Rolling:
    """One window's memory: the start times of its last calls."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.starts: deque[float] = deque()

    def earliest(self, now: float) -> float:
        """When the next call may start."""
        if len(self.starts) < self.window.calls:
            return now
        return max(now, self.starts[-self.window.calls] + self.window.seconds)

    def take(self, at: float) -> None:
        self.starts.append(at)
        while len(self.starts) > self.window.calls:
            self.starts.popleft()


class Pace:
    """The speed limits of one account; an empty Pace() knows none."""

    def __init__(
        self,
        *windows: Window,
        at_once: int = 10,
        learn: Learn | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.at_once = at_once
        self.quota_left: int | None = None
        self._learn = learn
        self._rolling = [_Rolling(window) for window in windows]
        self._room = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def slot(self, lane: str = "") -> Iterator[None]:
        """Hold one of the places, not before the windows of *lane* allow it."""
        with self._room:
            wait = self._reserve(lane)
            if wait > 0:
                self._sleep(wait)
            yield

    def _reserve(self, lane: str) -> float:
        with self._lock:
            now = self._clock()
            mine = [rolling for rolling in self._rolling if rolling.window.lane == lane]
            at = max((rolling.earliest(now) for rolling in mine), default=now)
            for rolling in mine:
                rolling.take(at)
            return at - now

    @property
    def longest(self) -> float:
        """Seconds after which every window is open again, whoever else calls the account; 0 where none is known."""
        return max((rolling.window.seconds for rolling in self._rolling), default=0.0)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer says about the limits."""
        if self._learn is not None:
            self._learn(self, headers)

    def limit(self, calls: int, seconds: float, lane: str = "") -> None:
        """Replace the window of *lane* that has this length."""
        with self._lock:
            for rolling in self._rolling:
                window = rolling.window
                if window.lane == lane and window.seconds == seconds and window.calls != calls and calls > 0:
                    rolling.window = Window(calls, seconds, lane)
                    while len(rolling.starts) > calls:
                        rolling.starts.popleft()
