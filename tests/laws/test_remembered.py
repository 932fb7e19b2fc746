"""Histories that once broke a law, kept whole: each names what was wrong."""

from __future__ import annotations

import pytest

from tests.laws.histories import History, breaches
from tests.laws.world_streams import Op

CITY, ULM_AN_DER_DONAU, ULM = 3, 1, 2

REMEMBERED = (
    pytest.param(
        History((Op("delete", 1, 2), Op("delete", 1, 1), Op("hide", 1, 0, 0, 3), Op("delete", 2)), 3, True),
        id="a-guard-that-nobody-released-holds-writes-for-ever",
    ),
    *(
        pytest.param(
            History((Op("edit", 0, 0, CITY, ULM_AN_DER_DONAU), Op("kill", 0, 0, 0, step), Op("edit", 1, 1, CITY, ULM))),
            id=f"a-cut-put-there-by-hand-was-taken-for-ours-{step}",
        )
        for step in range(3)
    ),
    pytest.param(
        History((Op("leave", 1, 0), Op("come_back", 1, 0), Op("join", 1, 10, 1, 11))),
        id="who-left-and-came-back-between-two-looks-was-counted-as-having-left",
    ),
    pytest.param(
        History((Op("split", 4, 0, 7, 1), Op("erase", 3, 4, 7, 0)), streams=True),
        id="what-somebody-did-who-was-erased-was-missed-because-another-has-their-address-elsewhere",
    ),
)


@pytest.mark.parametrize("history", REMEMBERED)
def test_what_was_mended_stays_mended(history: History) -> None:
    """No law is broken by a history that broke one before."""
    found = breaches(history)

    assert found == {}
