"""Notices, decided: what stands, what has ended, and what a channel has to be told. Pure: times are arguments.

A matter is told once; while it stands, again after a day; its end is told once. What comes and goes within the
patience is not told at all, and what ends and comes back within it has never ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from mapping.model import Millis


class Kind(StrEnum):
    """What there is to know of."""

    RUN = "run"  # runs do not even begin
    FAILURE = "failure"  # a connection fails
    GUARD = "guard"  # a guard stopped a connection
    WAITING = "waiting"  # writes wait, or may have arrived, with no failure or guard to explain it
    SUBSCRIPTION = "subscription"  # a listener was disabled


class State(StrEnum):
    """What is said of it."""

    BEGUN = "begun"
    STANDS = "stands"
    ENDED = "ended"


PATIENT = frozenset({Kind.RUN, Kind.FAILURE, Kind.WAITING})
"""What often mends itself, and is told only after a while. The others wait for a person, and are told at once."""

Name = tuple[Kind, str]
"""What a matter is known by: its kind and its subject."""

Counts = Mapping[str, int]


class Matter(NamedTuple):
    """Something to know of. `ended` is 0 while it stands."""

    kind: Kind
    subject: str
    since: Millis
    counts: Counts
    ended: Millis = 0

    @property
    def name(self) -> Name:
        return self.kind, self.subject


class Notice(NamedTuple):
    """Something to tell one channel now. `before` is when it was told last; 0: never."""

    matter: Matter
    state: State
    before: Millis


def stand(known: Matter | None, now: Matter) -> Matter:
    """A matter that was seen to stand: since when it was first seen, even if it seemed to have ended meanwhile."""
    return now if known is None else now._replace(since=known.since)


def end(known: Matter, now: Millis) -> Matter:
    """A matter that was seen to stand no more."""
    return known if known.ended else known._replace(ended=now)


def due(
    matters: Mapping[Name, Matter], told: Mapping[Name, Millis], now: Millis, after: Millis, again: Millis
) -> list[Notice]:
    """What a channel that was *told* this at these times has to be told now."""
    found = []
    for name, matter in sorted(matters.items()):
        patience = after if matter.kind in PATIENT else 0
        before = told.get(name, 0)
        if matter.ended:
            if before and now - matter.ended >= patience:
                found.append(Notice(matter, State.ENDED, before))
        elif before:
            if now - before >= again:
                found.append(Notice(matter, State.STANDS, before))
        elif now - matter.since >= patience:
            found.append(Notice(matter, State.BEGUN, 0))
    return found


def over(
    matters: Mapping[Name, Matter], told: Mapping[str, Mapping[Name, Millis]], now: Millis, after: Millis
) -> list[Name]:
    """Matters that may be forgotten: ended for good, and no channel has to be told of it any more."""
    heard = {name for names in told.values() for name in names}
    return [
        name
        for name, matter in matters.items()
        if matter.ended and name not in heard and now - matter.ended >= (after if matter.kind in PATIENT else 0)
    ]
