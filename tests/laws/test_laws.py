"""The laws of the design, each by a test of its name, over histories on platforms that lie.

`make test` plays a few dozen histories per law; `make test-long` thousands, on which every law is judged at once.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from tests.laws.histories import JUDGES, KINDS, History, breaches, histories, quiet
from tests.laws.mutants import MUTANTS

QUIET = quiet(20)


def _law(name: str, kinds: tuple[str, ...] = KINDS) -> Callable[[], None]:
    @QUIET
    @given(history=histories(kinds))
    def test(history: History) -> None:
        found = breaches(history, (name,))

        assert found == {}

    test.__doc__ = JUDGES[name].__doc__
    test.__name__ = f"test_{name}"
    return test


_KINDS_OF = {mutant.law: tuple(mutant.kinds) for mutant in MUTANTS}

test_nothing_is_lost = _law("nothing_is_lost")
test_nothing_is_doubled = _law("nothing_is_doubled", ("kill", "kill", "fault", "fault", "add", "edit", "sync"))
test_it_settles = _law("it_settles")
test_it_agrees = _law("it_agrees")
test_derived_is_derived = _law("derived_is_derived", ("move", "split", "join", "delete", "add", "edit", "sync"))
test_withdrawn_stays_withdrawn = _law(
    "withdrawn_stays_withdrawn", ("leave", "come_back", "tick_on", "move", "join", "split", "undo", "kill", "sync")
)
test_blank_never_wipes = _law("blank_never_wipes", ("clear", "edit", "undo", "fault", "sync"))
test_absence_needs_proof = _law("absence_needs_proof", ("hide", "delete", "edit", "kill", "sync"))
test_every_write_was_planned = _law("every_write_was_planned")
test_why_has_an_answer = _law("why_has_an_answer")
test_people_overrule_machines = _law("people_overrule_machines", ("split", "join", "move", "add", "edit", "sync"))


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_every_judge_is_a_test_here(name: str) -> None:
    """No law is judged in the long run only."""
    assert f"test_{name}" in globals()
