"""What a platform declares away, held to its word: who says that it names nobody must never ask for anybody.

A connector declares in `cannot`, by the words below. Each concerns some promises, which are set aside with the
connector's own reason once the check of that word holds.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors import platform
from connectors.hooks import Hooks
from tests.contract.rehearsal import Rehearsal

AWAY = {
    "people": ("gone_is_proven", "reads_past_the_index", "hooks_name_whom", "leaving_is_read"),
    "hooks": ("hooks_are_proven", "hooks_name_whom"),
}


def word(name: str, promise: str) -> str:
    """What a platform declares away that a promise is about; empty where it declares nothing of it."""
    said = platform(name).connector.cannot
    return next((one for one, promises in AWAY.items() if promise in promises and one in said), "")


def no_people(place: Rehearsal) -> None:
    """Its listing is empty and whole, nobody is found or read, and nobody is asked for any of that."""
    place.something()
    one = place.open()

    pages = one.pages(full=True)

    assert [(list(page.records), page.last, page.complete) for page in pages] == [([], True, True)]
    assert one.connector.read(["4711"]) == {"4711": None}
    assert one.connector.find(["ada@example.org"], ["p1"]) == {}
    assert list(one.connector.table) == []
    assert one.connector.streams
    assert one.wire.sent == []


def no_hooks(place: Rehearsal) -> None:
    """It has no webhooks, and no journal in their place."""
    connector = place.open().connector
    hooks: Hooks | None = connector.hooks

    assert hooks is None
    assert connector.journal is None


HOLDS: dict[str, Callable[[Rehearsal], None]] = {
    "people": no_people,
    "hooks": no_hooks,
}
