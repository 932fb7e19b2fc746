"""A platform's limits as one value: the windows it documents, and where its answers tell more.

`Limits` makes the account's `Pace`, takes over what headers or bodies say, and knows how long a refused call is asked
to wait, in whichever header the platform puts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.http_transport import Response
from connectors.http_verdict import retry_after
from connectors.pace import Clock, Pace, Sleep, Window

_EPOCH = 1e9
"""Numbers from here on are moments, not spans."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may be called with.

    *most* is the header that states the calls of the first window, *left* the one that states what is left of the day,
    *reset* the one that says when a window opens again (in seconds, or as a moment). *told* reads limits that stand
    in bodies. *lanes* are beginnings of paths that have windows of their own.
    """

    windows: tuple[Window, ...] = ()
    at_once: int = 10
    keeps: float = 0.05
    most: str = ""
    left: str = ""
    reset: str = ""
    told: Callable[[Pace, Response], None] | None = None
    lanes: tuple[tuple[str, str], ...] = ()

    def lane(self, path: str) -> str:
        """Whose windows a call keeps to."""
        return next((lane for start, lane in self.lanes if path.startswith(start)), "")

    def pace(self, clock: Clock, sleep: Sleep) -> Pace:
        return Pace(*self.windows, at_once=self.at_once, share=self.keeps, learn=self._learn, clock=clock, sleep=sleep)

    def heed(self, pace: Pace, response: Response) -> None:
        """Take over what a body says."""
        if self.told is not None:
            self.told(pace, response)

    def after(self, response: Response, now: float) -> float:
        """Seconds that a refused call is asked to wait; 0 where nothing is said."""
        asked = retry_after(response, now)
        if asked or not self.reset:
            return asked
        said = _number(response.headers, self.reset)
        if said is None:
            return 0.0
        return max(0.0, said - now) if said > _EPOCH else said

    def _learn(self, pace: Pace, headers: Mapping[str, str]) -> None:
        most = _number(headers, self.most)
        if most and self.windows:
            pace.limit(int(most), self.windows[0].seconds, self.windows[0].lane)
        left = _number(headers, self.left)
        if left is not None:
            pace.quota(int(left))


def _number(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name, "").strip() if name else ""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
