"""Pace: how fast one account may be called, and that whoever leaves finds room.

Stacked windows ("100 calls in any 10 s", "5 searches in any second") and a cap on calls at once. Slots are
reserved in order, so that many threads wait their turn instead of waking together. Limits that a platform's
answers state replace ours. Time comes from an injected clock and sleep.

A share of each window, of the places and of the day is kept for calls that go first: opt-outs, and the look that may
bring one. Each window is two of its own kind, an ordinary and a kept one, which together make the platform's limit:
whatever comes when, no stretch of its length holds more calls than the platform allows.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

Clock = Callable[[], float]
Sleep = Callable[[float], None]
Learn = Callable[["Pace", Mapping[str, str]], None]

SHORT = 2.0
"""Seconds up to which a window keeps nothing: whoever goes first waits no longer for its next place than that, and of a
few calls a second even one kept would be much."""
PATIENCE = 60.0
"""Seconds that are waited for a window that is not worth more."""
ASK_AGAIN = 900.0
"""Seconds after which one ordinary call may ask whether a spent day has been filled up again."""

_FIRST: ContextVar[bool] = ContextVar("goes first", default=False)


@contextmanager
def going_first(*, when: bool = True) -> Iterator[None]:
    """Calls made meanwhile may use what is kept for those that go first."""
    before = _FIRST.set(when or _FIRST.get())
    try:
        yield
    finally:
        _FIRST.reset(before)


@dataclass(frozen=True, slots=True)
class Window:
    """At most *calls* in any *seconds*, on one lane ("" is the lane of ordinary calls).

    Where nothing that goes first takes that lane, it *keeps* nothing. *air* is how many seconds one call may be longer
    on its way than another: the platform counts when they arrive. Where it does not *wait*, a full window of hours or
    days is no reason to sleep: calls are refused until it opens.
    """

    calls: int
    seconds: float
    lane: str = ""
    keeps: bool = True
    air: float = 0.0
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a day's calls, as an answer stated it *at* some time."""

    left: int
    most: int
    at: float


class _Rolling:
    """The start times of the last calls of one kind in one window."""

    def __init__(self, calls: int, seconds: float) -> None:
        self.calls = calls
        self.seconds = seconds
        self.starts: deque[float] = deque()

    def earliest(self, now: float) -> float:
        """When the next call may start; never where there is no room at all."""
        if not self.calls:
            return math.inf
        at = max(now, self.starts[-1]) if self.starts else now  # in order, whatever was reserved ahead
        if len(self.starts) < self.calls:
            return at
        return max(at, self.starts[-self.calls] + self.seconds)

    def take(self, at: float) -> None:
        self.starts.append(at)
        self.fit()

    def fit(self) -> None:
        while len(self.starts) > self.calls:
            self.starts.popleft()


class _Shared:
    """One window, in two parts."""

    def __init__(self, window: Window, share: float) -> None:
        self.window = window
        self._share = share
        kept = self._kept(window)
        self.usual = _Rolling(window.calls - kept, window.seconds + window.air)
        self.kept = _Rolling(kept, window.seconds + window.air)

    def _kept(self, window: Window) -> int:
        return _part(window.calls, self._share) if window.keeps and window.seconds > SHORT else 0

    def resize(self, calls: int) -> None:
        self.window = replace(self.window, calls=calls)
        self.kept.calls = self._kept(self.window)
        self.usual.calls = calls - self.kept.calls
        self.usual.fit()
        self.kept.fit()


class Pace:
    """The speed limits of one account; an empty Pace() knows none. *share* of each is kept for calls that go first."""

    def __init__(
        self,
        *windows: Window,
        at_once: int = 10,
        share: float = 0.0,
        learn: Learn | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.at_once = at_once
        self.share = share
        self._quota: Quota | None = None
        self._learn = learn
        self._windows = [_Shared(window, share) for window in windows]
        self._room = threading.BoundedSemaphore(at_once)
        self._usual_room = threading.BoundedSemaphore(at_once - _part(at_once, share))
        self._lock = threading.Lock()
        self._clock = clock
        self._sleep = sleep
        self._gap = 0.0
        self._last = -math.inf

    @contextmanager
    def slot(self, lane: str = "") -> Iterator[None]:
        """Hold one of the places, not before the windows of *lane* allow it."""
        first = _FIRST.get()
        with ExitStack() as held:
            if not first:
                held.enter_context(self._usual_room)
            held.enter_context(self._room)
            wait = self._reserve(lane, first=first)
            if wait > 0:
                self._sleep(wait)
            yield

    def _reserve(self, lane: str, *, first: bool) -> float:
        """Seconds to wait. Who goes first takes an ordinary place that is free now, and else one of those kept."""
        with self._lock:
            now = self._clock()
            mine = [shared for shared in self._windows if shared.window.lane == lane]
            taken = [shared.usual for shared in mine]
            if first and any(rolling.earliest(now) > now for rolling in taken):
                taken = [shared.kept if shared.kept.calls else shared.usual for shared in mine]
            at = max((rolling.earliest(now) for rolling in taken), default=now)
            if not first:
                at = max(at, self._last + self._gap)
                self._last = at
            for rolling in taken:
                rolling.take(at)
            return at - now

    @property
    def longest(self) -> float:
        """Seconds after which every window that is worth waiting for is open again, whoever else calls the account; 0
        where none is known."""
        return max((shared.window.seconds for shared in self._windows if shared.window.waits), default=0.0)

    @property
    def quota_left(self) -> int | None:
        """Calls that are left of the day, where the platform says."""
        return None if self._quota is None else self._quota.left

    def quota(self, left: int, most: int = 0) -> None:
        """Take over what an answer says about the day: *left* of *most* calls (0: not told)."""
        with self._lock:
            known = self._quota.most if self._quota is not None else 0
            self._quota = Quota(left, most or known, self._clock())

    def ease(self, gap: float) -> None:
        """Leave *gap* seconds between the starts of ordinary calls, until told otherwise."""
        with self._lock:
            self._gap = gap

    def spent(self, lane: str = "") -> str:
        """Why no ordinary call may leave now, in words for people; empty where it may, or goes first.

        A day that was spent is asked about again after a while: only an answer tells that it was filled up.
        """
        with self._lock:
            known, now = self._quota, self._clock()
            if full := self._shut(lane, now):
                return full
            if _FIRST.get() or known is None or not self.share:
                return ""
            kept = _part(known.most, self.share)
            if known.left > kept:
                return ""
            if now - known.at >= ASK_AGAIN:
                self._quota = Quota(known.left, known.most, now)
                return ""
            most = f" of {known.most:,}" if known.most else ""
            return f"{known.left:,}{most} calls of today are left, and kept for people who leave"

    def _shut(self, lane: str, now: float) -> str:
        """Which window is full and not worth waiting for."""
        for shared in self._windows:
            window = shared.window
            if window.waits or window.lane != lane or shared.usual.earliest(now) <= now + PATIENCE:
                continue
            if _FIRST.get() and shared.kept.calls and shared.kept.earliest(now) <= now + PATIENCE:
                continue
            return f"its {window.calls:,} calls in {window.seconds / 3600:g} hours are used up"
        return ""

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer says about the limits."""
        if self._learn is not None:
            self._learn(self, headers)

    def limit(self, calls: int, seconds: float, lane: str = "") -> None:
        """Replace the window of *lane* that has this length."""
        with self._lock:
            for shared in self._windows:
                window = shared.window
                if window.lane == lane and window.seconds == seconds and window.calls != calls and calls > 0:
                    shared.resize(calls)


def _part(whole: int, share: float) -> int:
    """What is kept of *whole*: at least one where a share is kept at all, and never all."""
    if not share or whole < 2:
        return 0
    return min(whole - 1, math.ceil(whole * share))
