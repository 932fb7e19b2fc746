"""What a platform declares away, held to its word: who says that it writes nothing must never send any such thing.

A connector declares in `cannot`, by the words below. Each concerns some promises, which are set aside with the
connector's own reason once the check of that word holds.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors import platform
from connectors.base import Change, Connector, Outcome, Result
from connectors.hooks import Hooks
from tests.contract.rehearsal import Rehearsal

AWAY = {
    "people": ("gone_is_proven", "reads_past_the_index", "hooks_name_whom"),
    "writes": ("retries_what_is_safe", "one_bad_record", "made_once"),
    "leaving": ("leaving_is_read", "leaves_for_good"),
    "hooks": ("hooks_are_proven", "hooks_name_whom"),
}
SOMEBODY = Change("4711", {"given_name": "Ada"}, address="ada@example.org", key="p1")


def word(name: str, promise: str) -> str:
    """What a platform declares away that a promise is about; empty where it declares nothing of it."""
    said = platform(name).connector.cannot
    return next((one for one, promises in AWAY.items() if promise in promises and one in said), "")


def _all_refused(connector: Connector, outcomes: list[Outcome]) -> None:
    assert {(one.result, one.code) for one in outcomes} == {(Result.REFUSED, "cannot")}
    assert all(one.reason.startswith(connector.title) for one in outcomes)


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


def no_writes(place: Rehearsal) -> None:
    """Whatever could be written is refused here, with the reason, and nothing is sent."""
    one = place.open()
    connector = one.connector

    done = [*connector.update([SOMEBODY]), *connector.create([SOMEBODY]), *connector.archive([SOMEBODY])]

    _all_refused(connector, done)
    assert connector.reads_only
    assert not any((connector.lists, connector.by_member, connector.tasks, connector.companies_in, connector.erases))
    assert one.wire.sent == []


def no_leaving(place: Rehearsal) -> None:
    """Nobody is mailed and nobody's consent is told; an opt-out is refused with the reason, and nothing is sent."""
    place.something()
    one = place.open()
    told = [seen.consent for seen in one.pull().values()]
    sent = len(one.wire.sent)

    done = list(one.connector.opt_out([SOMEBODY], "marketing"))

    _all_refused(one.connector, done)
    assert [consent for consent in told if consent] == []
    assert not one.connector.mails
    assert len(one.wire.sent) == sent


def no_hooks(place: Rehearsal) -> None:
    """It has no webhooks, and no journal in their place."""
    connector = place.open().connector
    hooks: Hooks | None = connector.hooks

    assert hooks is None
    assert connector.journal is None


HOLDS: dict[str, Callable[[Rehearsal], None]] = {
    "people": no_people,
    "writes": no_writes,
    "leaving": no_leaving,
    "hooks": no_hooks,
}
