"""Every mutant dies: an engine broken in one place is caught by the test of just that law.

Two more die elsewhere, since no history brings them out: that of `nothing_is_doubled` in test_crash.py, that of
`secrets_stay_secret` in test_secrets.py. What became of each stands in one table at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given

from tests.laws.histories import History, breaches, histories, quiet
from tests.laws.mutant import Mutant
from tests.laws.mutants import MUTANTS, ORDER_MUTANT, UNDO_MUTANT
from tests.laws.test_undo import EVENTS, order_matters, undoing_leaves

MOST = 200


class Caught(Exception):
    """The law's test saw the mutant."""


def killed_after(mutant: Mutant, breaks: Callable[[History], bool], kinds: tuple[str, ...]) -> int:
    """How many histories it takes until *breaks* sees the mutant; 0 if it survives MOST of them."""
    count = 0

    @quiet(MOST)
    @given(history=histories(kinds, mutant.rewrites, streams=mutant.streams))
    def hunt(history: History) -> None:
        nonlocal count
        count += 1
        if breaks(history):
            raise Caught

    try:
        with mutant.broken():
            hunt()
    except Caught:
        return count
    return 0


class Judged(NamedTuple):
    """A mutant, what tells it from the engine, and the events that bring it out."""

    mutant: Mutant
    breaks: Callable[[History], bool]
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.mutant.law}-{self.mutant.wrong}".replace(" ", "_")


def _by_its_law(mutant: Mutant) -> Judged:
    return Judged(mutant, lambda history: mutant.law in breaches(history, (mutant.law,)), tuple(mutant.kinds))


JUDGED = (
    *map(_by_its_law, MUTANTS),
    Judged(UNDO_MUTANT, lambda history: bool(undoing_leaves(history)), EVENTS),
    Judged(ORDER_MUTANT, lambda history: bool(order_matters(history, 1, 4, True)), ("edit", "edit", "edit", "sync")),
)


@pytest.mark.parametrize("judged", JUDGED, ids=str)
def test_the_mutant_of_a_law_dies(judged: Judged, record_property: Callable[[str, object], None]) -> None:
    """An engine that breaks this law is caught by its judge."""
    count = killed_after(*judged)
    record_property("mutant", (judged.mutant.law, judged.mutant.wrong, f"dies after {count} histories"))

    assert count > 0, f"{judged.mutant.wrong}: survived {MOST} histories"
