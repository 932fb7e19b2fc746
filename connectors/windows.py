"""Listings in pieces: windows of time, halved where one holds more than the platform tells, and parts of an account.

Both are pagers around another one, which turns the pages within a piece. Their place names the piece it is in as *leg*:
what stands at the end of one piece may well stand at the beginning of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from connectors.codecs import iso_z
from connectors.pagers import Ask, Pager, Place
from connectors.paths import Envelope, merged
from mapping.model import Millis


@runtime_checkable
class Begins(Protocol):
    """A pager whose first place follows from the time and from what was read already."""

    def begins(self, began: Millis, low: Millis) -> Place:
        """Where a listing begins that is made at *began*, of what is not older than *low* (0: of everything)."""


@dataclass(frozen=True, slots=True)
class Windowed:
    """Windows of time, from *back* ago to now, each at most *longest*, asked for as `spelled` says of its two ends.

    A platform that tells no more than *most* of a window says so at *total*, or it shows by so many having been read:
    the window is then read in halves, what was read of it once more. Ends are shared by neighbours, for whether they
    belong to a window is told differently everywhere.
    """

    inner: Pager
    spelled: Callable[[Millis, Millis], Ask]
    longest: Millis
    back: Millis
    most: int = 0
    total: str = ""
    shortest: Millis = 1000

    def begins(self, began: Millis, low: Millis) -> Place:
        return self._at(max(low, began - self.back), began)

    def _at(self, since: Millis, end: Millis, until: Millis = 0) -> Place:
        leg = [since, until or min(since + self.longest, end)]
        return {"leg": leg, "end": end, "read": 0, "inner": {}}

    def ask(self, place: Place) -> Ask:
        since, until = place["leg"]
        return both(self.inner.ask(place["inner"]), self.spelled(since, until))

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        (since, until), end, read = place["leg"], place["end"], place["read"] + count
        onward = self.inner.turn(place["inner"], answer, count)
        if self._full(answer, read):
            if until - since <= self.shortest:
                raise ValueError(
                    f"more than {self.most:,} things within {self.shortest / 1000:g} s cannot be told apart"
                )
            return self._at(since, end, since + (until - since) // 2)
        if onward is not None:
            return {**place, "read": read, "inner": onward}
        return self._at(until, end) if until < end else None

    def _full(self, answer: Envelope, read: int) -> bool:
        told = answer.value(self.total) if self.total else None
        return bool(self.most) and (told > self.most if isinstance(told, int) else read >= self.most)


@dataclass(frozen=True, slots=True)
class Each:
    """The same listing once for each of several *parts* of an account, asked for as `spelled` says of it."""

    inner: Pager
    parts: Sequence[str]
    spelled: Callable[[str], Ask]

    def begins(self, began: Millis, low: Millis) -> Place:
        return self._at(self.parts[0], began, low)

    def _at(self, part: str, began: Millis, low: Millis) -> Place:
        inner = self.inner.begins(began, low) if isinstance(self.inner, Begins) else {}
        return {"leg": part, "began": began, "low": low, "inner": inner}

    def ask(self, place: Place) -> Ask:
        return both(self.inner.ask(place["inner"]), self.spelled(place["leg"]))

    def turn(self, place: Place, answer: Envelope, count: int) -> Place | None:
        onward = self.inner.turn(place["inner"], answer, count)
        if onward is not None:
            return {**place, "inner": onward}
        left = list(self.parts)
        following = left[left.index(place["leg"]) + 1 :] if place["leg"] in left else left
        return self._at(following[0], place["began"], place["low"]) if following else None


def between(start: str, end: str) -> Callable[[Millis, Millis], Ask]:
    """A window whose two ends are parameters of a query, in whole seconds."""
    return lambda since, until: Ask([(start, iso_z(since)), (end, iso_z(until + 999))])


def both(one: Ask, other: Ask) -> Ask:
    """What both ask for."""
    return replace(one, query=[*one.query, *other.query], body=merged(one.body, other.body))


def legs(place: Place) -> list[object]:
    """The pieces that a place is in, the outermost first."""
    return [place["leg"], *legs(place["inner"])] if "leg" in place else []
