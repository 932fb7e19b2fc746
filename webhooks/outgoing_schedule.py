"""When a delivery is tried again, and when it is given up. Pure: times are arguments, and so is chance.

The waits are those of Standard Webhooks: quick at first, then for three days.
"""

from __future__ import annotations

from enum import Enum, auto
from hashlib import blake2b

from mapping.model import Millis

_SECOND, _MINUTE, _HOUR = 1_000, 60_000, 3_600_000

WAITS: tuple[Millis, ...] = (
    5 * _SECOND,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    20 * _HOUR,
)
"""After the first attempt, the second, and so on; after the last of them nothing more is tried."""

SPREAD = 0.1
"""By how much of itself a wait may be longer, so that what failed together does not come back together."""

LONGEST_ASKED: Millis = 24 * _HOUR
"""The longest wait that a listener may ask for with Retry-After."""

PATIENT = 3
"""Failures in a row after which a whole subscription rests, whatever else waits for it."""

_SHORT_REST, _LONG_REST = 10 * _SECOND, 10 * _MINUTE


class Said(Enum):
    """What an answer means."""

    TAKEN = auto()
    AGAIN = auto()
    GONE = auto()


def meaning(status: int) -> Said:
    """What an answer's status means; 0 is no answer. A redirect is not followed: it might lead anywhere."""
    if 200 <= status < 300:
        return Said.TAKEN
    return Said.GONE if status == 410 else Said.AGAIN


def next_attempt(attempts: int, now: Millis, name: str, asked: Millis = 0) -> Millis | None:
    """When to try again after *attempts* failed ones; None: no more. *name* decides about the spread, *asked* is the
    wait that the listener asked for."""
    if attempts > len(WAITS):
        return None
    wait = WAITS[attempts - 1]
    return now + max(wait + int(wait * SPREAD * _chance(name, attempts)), min(asked, LONGEST_ASKED))


def rest(failures: int) -> Millis:
    """How long a subscription rests after so many failures in a row."""
    if failures < PATIENT:
        return 0
    return int(min(_LONG_REST, _SHORT_REST * 2 ** min(failures - PATIENT, 10)))


def asked_wait(text: str) -> Millis:
    """The wait in a Retry-After header, where it is a number of seconds."""
    return int(text) * _SECOND if text.isascii() and text.isdigit() and len(text) < 8 else 0


def _chance(name: str, attempts: int) -> float:
    """Something between 0 and 1 that looks like chance and is the same each time."""
    return blake2b(f"{name} {attempts}".encode(), digest_size=1).digest()[0] / 256
