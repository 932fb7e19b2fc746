"""Asking again: for the next page of a listing, for what did not hold still while it was read, for a job that takes its
time.

Whoever asks brings a function for one call, such as one of a vendor's own library. Here is how calls follow one
another, and when it is enough. `connectors.walk` does the same for listings that are data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from connectors.errors import MaybeSent, Misread
from connectors.pace import Sleep

P = TypeVar("P")
A = TypeVar("A")
Refuse = Callable[[str], Misread]
"""The failure of an answer that sends us astray, in words that say why."""


def turned(
    first: P, ask: Callable[[P], A], onward: Callable[[P, A], P | None], refuse: Refuse
) -> Iterator[tuple[A, P | None]]:
    """Each answer of a listing from the place *first* on, and the place after it; None after the last.

    *onward* finds that place, and raises ValueError where the answer cannot be right. No place is gone to twice: a
    platform that names one that we come from would be read for ever.
    """
    place: P | None = first
    been: set[int] = set()
    while place is not None:
        been.add(hash(msgspec.json.encode(place)))
        answer = ask(place)
        try:
            place = onward(place, answer)
        except ValueError as error:
            raise refuse(str(error)) from error
        if place is not None and hash(msgspec.json.encode(place)) in been:
            raise refuse("the next page is one that was read already")
        yield answer, place


def settled(read: Callable[[], tuple[A, bool]], times: int) -> tuple[A, bool]:
    """What *read* reads, and whether it held still meanwhile: where not it is read again, *times* at most."""
    found, still = read()
    for _ in range(times - 1):
        if still:
            break
        found, still = read()
    return found, still


def made_anew(make: Callable[[], A], clear: Callable[[], None]) -> A:
    """What *make* makes, once: where its answer was lost, and with it what nobody tells later, what it may have made is
    cleared away and made once more."""
    try:
        return make()
    except MaybeSent:
        clear()
        return make()


def finished(job: A, done: Callable[[A], bool], look: Callable[[A], A], sleep: Sleep, patience: float) -> A | None:
    """*job* once it is done, looked at again after longer and longer pauses; None where it is not after *patience*
    seconds."""
    waited, pause = 0.0, 0.25
    while not done(job):
        if waited > patience:
            return None
        sleep(pause)
        waited, pause = waited + pause, min(pause * 2, 10.0)
        job = look(job)
    return job
