"""One suite for the whole catalogue: each promise of `connectors.levels`, on each platform's emulator."""

from __future__ import annotations

import pytest

from connectors import CATALOGUE
from connectors.checked import CHECKED
from connectors.levels import PROMISES, Level, level
from tests.contract.checks import CHECKS
from tests.contract.outcomes import outcome
from tests.described import SPECS

NAMES = [entry.name for entry in CATALOGUE]


@pytest.mark.parametrize("promise", [promise.name for promise in PROMISES])
@pytest.mark.parametrize("name", NAMES)
def test_a_platform_keeps_what_is_said_of_it(name: str, promise: str) -> None:
    """
    What the check finds is what `connectors.checked` says; `python -m tests.contract` brings that up to date.
    """
    if promise == "as_described" and not SPECS.is_dir():
        pytest.skip("the vendors' API descriptions (../shared/specs) are not on this machine")

    found = outcome(name, promise)

    assert CHECKED[name][promise] == found


def test_each_promise_has_a_check() -> None:
    """
    One for each, under its name, and no others.
    """
    assert list(CHECKS) == [promise.name for promise in PROMISES]


@pytest.mark.parametrize("name", NAMES)
def test_a_platform_of_the_catalogue_may_be_relied_on(name: str) -> None:
    """
    Silver at least.
    """
    assert level(CHECKED[name]) in (Level.SILVER, Level.GOLD)
