"""Every mutant dies: an engine broken in one place is caught by the test of just that law."""

from __future__ import annotations

from collections.abc import Callable

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


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.law}-{mutant.wrong}".replace(" ", "_"))
def test_the_mutant_of_a_law_dies(mutant: Mutant, record_property: Callable[[str, object], None]) -> None:
    """An engine that breaks this law is caught by its judge."""
    count = killed_after(mutant, lambda h: mutant.law in breaches(h, (mutant.law,)), tuple(mutant.kinds))
    record_property("histories", count)

    assert count > 0, f"{mutant.wrong}: survived {MOST} histories"


def test_the_mutant_of_undo_dies() -> None:
    """An undo that keeps what was written is caught."""
    count = killed_after(UNDO_MUTANT, lambda history: bool(undoing_leaves(history)), EVENTS)

    assert count > 0


def test_the_mutant_of_order_dies() -> None:
    """An engine for which the first that was stored wins is caught."""
    kinds = ("edit", "edit", "edit", "sync")
    count = killed_after(ORDER_MUTANT, lambda history: bool(order_matters(history, 1, 4, True)), kinds)

    assert count > 0
