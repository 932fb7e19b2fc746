"""What is told when: once per matter, again after a day, its end once; and nothing that mends itself in time."""

from __future__ import annotations

import pytest

from mapping.model import Millis
from sync.notices_due import Kind, Matter, State, due, end, over, stand

MINUTE: Millis = 60_000
AFTER, AGAIN = 10 * MINUTE, 24 * 60 * MINUTE
NOW = 1_790_000_000_000
FAILURE, GUARD = (Kind.FAILURE, "hubspot"), (Kind.GUARD, "hubspot")


def matter(kind: Kind, since: int, ended: int = -1) -> Matter:
    """One that began so many minutes ago, and ended so many minutes ago (-1: it stands)."""
    return Matter(kind, "hubspot", NOW - since * MINUTE, {}, 0 if ended < 0 else NOW - ended * MINUTE)


@pytest.mark.parametrize(
    ("one", "told", "state"),
    [
        (matter(Kind.FAILURE, 9), None, None),
        (matter(Kind.FAILURE, 10), None, State.BEGUN),
        (matter(Kind.RUN, 9), None, None),
        (matter(Kind.WAITING, 9), None, None),
        (matter(Kind.WAITING, 11), None, State.BEGUN),
        (matter(Kind.GUARD, 0), None, State.BEGUN),
        (matter(Kind.SUBSCRIPTION, 0), None, State.BEGUN),
        (matter(Kind.FAILURE, 100), 90, None),
        (matter(Kind.FAILURE, 5000), 24 * 60 - 1, None),
        (matter(Kind.FAILURE, 5000), 24 * 60, State.STANDS),
        (matter(Kind.GUARD, 5000), 24 * 60, State.STANDS),
        (matter(Kind.FAILURE, 100, ended=9), 90, None),
        (matter(Kind.FAILURE, 100, ended=10), 90, State.ENDED),
        (matter(Kind.GUARD, 100, ended=0), 90, State.ENDED),
        (matter(Kind.FAILURE, 100, ended=10), None, None),
        (matter(Kind.GUARD, 100, ended=0), None, None),
    ],
)
def test_each_case_has_its_answer(one: Matter, told: int | None, state: State | None) -> None:
    """*told* is how many minutes ago it was told last; None: never."""
    before = {} if told is None else {one.name: NOW - told * MINUTE}
    found = due({one.name: one}, before, NOW, AFTER, AGAIN)

    assert [notice.state for notice in found] == ([] if state is None else [state])
    assert [notice.before for notice in found] == ([] if state is None else [before.get(one.name, 0)])


def test_what_comes_back_in_time_has_never_ended() -> None:
    """Its beginning stays, so a connection that fails every other run is told once, not at each turn."""
    begun = matter(Kind.FAILURE, 30)
    ended = end(begun, NOW - 5 * MINUTE)
    again = stand(ended, matter(Kind.FAILURE, 0))

    assert end(ended, NOW) == ended
    assert (again.since, again.ended) == (begun.since, 0)
    assert due({FAILURE: again}, {FAILURE: NOW - 20 * MINUTE}, NOW, AFTER, AGAIN) == []


def test_what_nobody_has_to_hear_of_is_forgotten() -> None:
    """Ended for good, and each channel that was told of it was told of its end."""
    matters = {FAILURE: matter(Kind.FAILURE, 100, ended=11), GUARD: matter(Kind.GUARD, 100, ended=0)}

    assert sorted(over(matters, {}, NOW, AFTER)) == sorted([FAILURE, GUARD])
    assert over(matters, {"mail": {FAILURE: NOW, GUARD: NOW}}, NOW, AFTER) == []
    assert over(matters, {"mail": {GUARD: NOW}}, NOW, AFTER) == [FAILURE]
    assert over({FAILURE: matter(Kind.FAILURE, 100, ended=9)}, {}, NOW, AFTER) == []
    assert over({FAILURE: matter(Kind.FAILURE, 100)}, {}, NOW, AFTER) == []
