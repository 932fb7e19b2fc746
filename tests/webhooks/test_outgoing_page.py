"""The page about telling others says what is so: each event with its words, and what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync.events_kinds import KINDS
from webhooks.api_openapi import describe
from webhooks.outgoing_schedule import WAITS
from webhooks.outgoing_send import TIMEOUT

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tell-others.md").read_text("utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_each_event_is_explained(kind: str) -> None:
    """In a row of its own: what it says, and the names in its data, as samples and real ones have them."""
    told = KINDS[kind]
    names = ", ".join(f"`{name}`" for name in told.sample)

    assert f"| `{kind}` | {told.says} | {names} |" in PAGE


def test_each_call_is_explained() -> None:
    """Every operation of the OpenAPI document stands in the table of calls."""
    for path, methods in describe()["paths"].items():
        for method in methods:
            assert method == "parameters" or f"{method.upper()} {path}" in PAGE


def test_the_times_are_those_of_the_schedule() -> None:
    """The waits and the patience that the page names."""
    assert [wait // 1000 for wait in WAITS] == [5, 300, 1800, *(3600 * hours for hours in (2, 5, 10, 14, 20, 20))]
    assert "5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 20 hours" in PAGE
    assert f"within {TIMEOUT:.0f} seconds" in PAGE
