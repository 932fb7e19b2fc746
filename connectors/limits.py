"""A platform's limits as one value: the windows it documents, and where its answers tell more.

`Limits` makes the account's `Pace`, takes over what headers or bodies say, and knows how long a refused call is asked
to wait, in whichever header the platform puts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from connectors.codecs import millis
from connectors.http_transport import Response
from connectors.http_verdict import retry_after
from connectors.pace import Clock, Pace, Sleep, Window
from connectors.paths import Envelope

_PARTS = re.compile(r";\s*([qw])=(\d{1,9})(?=\D|$)")
_EPOCH = 1e9
"""Numbers from here on are moments, not spans."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much was used, in per cent, as JSON in *headers*: the largest of *counts*, however deep they stand there.

    From *eased* per cent on, calls leave room for each other: the more was used the more, up to *longest* seconds.
    *again* is the number there that says after how many *unit*s of seconds a refused account is let in again.
    """

    headers: tuple[str, ...]
    counts: tuple[str, ...]
    again: str
    unit: float = 60.0
    eased: float = 75.0
    longest: float = 20.0

    def gap(self, headers: Mapping[str, str]) -> float:
        """Seconds between the starts of calls."""
        over = self._largest(headers, self.counts) - self.eased
        return self.longest * min(1.0, max(0.0, over) / (100.0 - self.eased))

    def regain(self, headers: Mapping[str, str]) -> float:
        """Seconds until the account is let in again; 0 where nothing is said."""
        return self._largest(headers, (self.again,)) * self.unit

    def _largest(self, headers: Mapping[str, str], names: tuple[str, ...]) -> float:
        found = (_numbers(headers[name], names) for name in self.headers if name in headers)
        return max((number for numbers in found for number in numbers), default=0.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may be called with.

    *most* is the header that states the calls of the first window, *policies* the one that states windows by their
    length (`RateLimit-Policy`: q calls in w seconds), *left* the one that states what is left of the day,
    *reset* the one that says when a window opens again (in seconds, or as a moment). *wait* is where a refusal's body
    says how many seconds to wait. *told* reads limits that stand in bodies. *lanes* are beginnings of paths that have
    windows of their own. *usage* is read where a platform states no number of calls, but how much of what it allows was
    used.
    """

    windows: tuple[Window, ...] = ()
    at_once: int = 10
    keeps: float = 0.05
    most: str = ""
    left: str = ""
    policies: str = ""
    reset: str = ""
    wait: str = ""
    told: Callable[[Pace, Response], None] | None = None
    lanes: tuple[tuple[str, str], ...] = ()
    usage: Usage | None = None

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
        regained = self.usage.regain(response.headers) if self.usage is not None else 0.0
        asked = retry_after(response, now) or self._in_body(response) or regained
        if asked or not self.reset:
            return asked
        said = _number(response.headers, self.reset)
        if said is None:
            return max(0.0, millis(response.headers.get(self.reset)) / 1000 - now)
        return max(0.0, said - now) if said > _EPOCH else said

    def _in_body(self, response: Response) -> float:
        found = Envelope(response.body).value(self.wait) if self.wait and response.is_json else None
        return max(0.0, float(found)) if isinstance(found, int | float) else 0.0

    def _learn(self, pace: Pace, headers: Mapping[str, str]) -> None:
        most = _number(headers, self.most)
        if most and self.windows:
            pace.limit(int(most), self.windows[0].seconds, self.windows[0].lane)
        for stated in headers.get(self.policies, "").split(",") if self.policies else ():
            parts = dict(_PARTS.findall(stated))
            if "q" in parts and "w" in parts:
                pace.limit(int(parts["q"]), float(parts["w"]))
        left = _number(headers, self.left)
        if left is not None:
            pace.quota(int(left))
        if self.usage is not None:
            pace.ease(self.usage.gap(headers))


def _numbers(text: str, names: tuple[str, ...]) -> Iterator[float]:
    """The numbers of these names in a text of JSON; none where it is none."""
    try:
        waiting: list[object] = [msgspec.json.decode(text)]
    except (msgspec.DecodeError, UnicodeError):
        return
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            yield from (float(here[name]) for name in names if isinstance(here.get(name), int | float))
        waiting += here.values() if isinstance(here, dict) else here if isinstance(here, list) else ()


def _number(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name, "").strip() if name else ""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
