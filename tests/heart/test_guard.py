"""Guards: brakes that look at everything before the first call, each at, below and above its share and floor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mapping.model import WriteKind
from sync.guard import Brake, Limit, Limits, Sight, Stop, after_pull, before_pull, before_push, unreleased

TIGHT = Limits(*(Limit(0.1, 10) for _ in range(6)))
"""Each brake at more than a tenth and more than ten."""


@pytest.mark.parametrize(
    ("count", "total", "expected"),
    [
        pytest.param(0, 0, False, id="nothing"),
        pytest.param(9, 10, False, id="below-the-floor"),
        pytest.param(10, 10, False, id="at-the-floor"),
        pytest.param(11, 10, True, id="above-the-floor"),
        pytest.param(11, 0, True, id="above-the-floor-of-an-empty-place"),
        pytest.param(99, 1000, False, id="below-the-share"),
        pytest.param(100, 1000, False, id="at-the-share"),
        pytest.param(101, 1000, True, id="above-the-share"),
        pytest.param(11, 1000, False, id="above-the-floor-below-the-share"),
        pytest.param(10, 50, False, id="at-the-floor-above-the-share"),
    ],
)
def test_a_limit_is_passed_by_share_and_floor(count: int, total: int, expected: bool) -> None:
    """A number is too many when it passes both; a small shop may do small things."""
    assert Limit(0.1, 10).passed(count, total) is expected


def test_the_default_brakes() -> None:
    """What holds where nobody configured anything."""
    assert Limits() == Limits(
        deletes=Limit(0.1, 10),
        opt_outs=Limit(0.2, 20),
        creates=Limit(0.5, 200),
        changes=Limit(0.9, 200),
        everything_changed=Limit(0.9, 50),
        associations=Limit(0.5, 200),
    )


ACCOUNT = Stop(Brake.WRONG_ACCOUNT, "news", "the credential now opens account 8, until now it was 7")
FIELDS = Stop(Brake.FIELDS_CHANGED, "news", "its field table changed: values may now mean something else")


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param({}, [], id="never-seen"),
        pytest.param({"account": "7", "fields": "f"}, [], id="seen-for-the-first-time"),
        pytest.param({"account": "7", "known_account": "7"}, [], id="the-same-account"),
        pytest.param({"account": "8", "known_account": "7"}, [ACCOUNT], id="another-account"),
        pytest.param({"fields": "f", "known_fields": "f"}, [], id="the-same-fields"),
        pytest.param({"fields": "g", "known_fields": "f"}, [FIELDS], id="other-fields"),
        pytest.param(
            {"account": "8", "known_account": "7", "fields": "g", "known_fields": "f"}, [ACCOUNT, FIELDS], id="both"
        ),
    ],
)
def test_before_the_pull(seen: dict[str, str], expected: list[Stop]) -> None:
    """Another account or another field table stops a connection before anything is read."""
    assert before_pull(replace(Sight("news"), **seen)) == expected  # type: ignore[arg-type]


def emptied(count: int) -> Stop:
    return Stop(Brake.EMPTIED, "news", f"it had {count} records and now lists none", count)


def vanished(count: int, total: int) -> Stop:
    return Stop(Brake.DELETES, "news", f"{count} of {total} records are no longer listed", count)


def everything(count: int, total: int) -> Stop:
    return Stop(Brake.EVERYTHING_CHANGED, "news", f"{count} of {total} records changed at once", count)


@pytest.mark.parametrize(
    ("sight", "expected"),
    [
        pytest.param(Sight("news"), [], id="nothing-there-yet"),
        pytest.param(Sight("news", 500, listed=500), [], id="all-there"),
        pytest.param(Sight("news", 500, listed=0, vanished=500), [emptied(500)], id="emptied"),
        pytest.param(Sight("news", 1, listed=0, vanished=1), [emptied(1)], id="emptied-has-no-floor"),
        pytest.param(Sight("news", 500, listed=-1), [], id="not-listed-at-all"),
        pytest.param(Sight("news", 1000, listed=901, vanished=99), [], id="gone-below-the-share"),
        pytest.param(Sight("news", 1000, listed=900, vanished=100), [], id="gone-at-the-share"),
        pytest.param(Sight("news", 1000, listed=899, vanished=101), [vanished(101, 1000)], id="gone-above-the-share"),
        pytest.param(Sight("news", 20, listed=10, vanished=10), [], id="gone-at-the-floor"),
        pytest.param(Sight("news", 20, listed=9, vanished=11), [vanished(11, 20)], id="gone-above-the-floor"),
        pytest.param(Sight("news", 1000, edited=99, listed=-1), [], id="edited-below-the-share"),
        pytest.param(Sight("news", 1000, edited=100, listed=-1), [], id="edited-at-the-share"),
        pytest.param(Sight("news", 1000, edited=101, listed=-1), [everything(101, 1000)], id="edited-above-the-share"),
        pytest.param(Sight("news", 20, edited=10, listed=-1), [], id="edited-at-the-floor"),
        pytest.param(Sight("news", 20, edited=11, listed=-1), [everything(11, 20)], id="edited-above-the-floor"),
        pytest.param(
            Sight("news", 1000, listed=700, vanished=300, edited=400),
            [vanished(300, 1000), everything(400, 1000)],
            id="both",
        ),
        pytest.param(
            Sight("news", 30, listed=0, vanished=30, edited=30),
            [emptied(30), everything(30, 30)],
            id="emptied-and-changed",
        ),
    ],
)
def test_after_the_pull(sight: Sight, expected: list[Stop]) -> None:
    """An emptied source, too many records gone, or everything changed at once stops before anything is believed."""
    assert after_pull(sight, TIGHT) == expected


WRITES = {
    "opt-outs": (WriteKind.OPT_OUT, Brake.OPT_OUTS, "opt-outs would be sent"),
    "creates": (WriteKind.CREATE, Brake.CREATES, "records would be created"),
    "archivings": (WriteKind.ARCHIVE, Brake.DELETES, "records would be archived"),
    "companies": (WriteKind.COMPANY, Brake.CREATES, "records would be created"),
    "companies-away": (WriteKind.COMPANY_AWAY, Brake.DELETES, "records would be archived"),
    "ties": (WriteKind.TIE, Brake.ASSOCIATIONS, "associations with companies would be changed"),
}


@pytest.mark.parametrize(("kind", "brake", "words"), WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(
    ("count", "total", "stops"),
    [
        pytest.param(0, 1000, False, id="none"),
        pytest.param(99, 1000, False, id="below-the-share"),
        pytest.param(100, 1000, False, id="at-the-share"),
        pytest.param(101, 1000, True, id="above-the-share"),
        pytest.param(10, 20, False, id="at-the-floor"),
        pytest.param(11, 20, True, id="above-the-floor"),
    ],
)
def test_before_the_push(kind: WriteKind, brake: Brake, words: str, count: int, total: int, stops: bool) -> None:
    """Too many writes of one kind stop a connection before the first one leaves."""
    expected = [Stop(brake, "news", f"{count} {words}, of {total} records there", count)] if stops else []

    assert before_push("news", {kind: count}, total, 0, TIGHT) == expected


@pytest.mark.parametrize(
    ("updates", "overwrites", "expected"),
    [
        pytest.param(500, 0, [], id="fills-destroy-nothing"),
        pytest.param(500, 100, [], id="overwrites-at-the-share"),
        pytest.param(
            500,
            101,
            [Stop(Brake.CHANGES, "news", "101 records would be changed, of 1000 records there", 101)],
            id="overwrites-above-the-share",
        ),
    ],
)
def test_only_what_replaces_a_value_counts_as_a_change(updates: int, overwrites: int, expected: list[Stop]) -> None:
    """However many blanks are filled, only overwritten values are counted against the brake."""
    assert before_push("news", {WriteKind.UPDATE: updates}, 1000, overwrites, TIGHT) == expected


def test_companies_count_with_the_other_records() -> None:
    """What is made is made, whatever it is, and so for what is put away; a task that was asked for stops nobody."""
    made = {WriteKind.CREATE: 60, WriteKind.COMPANY: 41}
    away = {WriteKind.ARCHIVE: 60, WriteKind.COMPANY_AWAY: 41}
    stops = before_push("news", made | away | {WriteKind.TASK: 500}, 1000, 0, TIGHT)

    assert [(stop.brake, stop.size) for stop in stops] == [(Brake.CREATES, 101), (Brake.DELETES, 101)]


@pytest.mark.parametrize("brake", ["opt_outs", "creates", "changes", "deletes"])
def test_each_brake_has_its_own_limit(brake: str) -> None:
    """Loosening one brake loosens no other."""
    loose: dict[str, Any] = {brake: Limit(1.0, 10_000)}
    counts = {WriteKind.OPT_OUT: 500, WriteKind.CREATE: 500, WriteKind.ARCHIVE: 500}

    stops = before_push("news", counts, 1000, 500, replace(TIGHT, **loose))

    assert [stop.brake.value for stop in stops] == [
        name for name in ("opt_outs", "creates", "changes", "deletes") if name != brake
    ]


@pytest.mark.parametrize(
    ("released", "held"),
    [
        pytest.param({}, True, id="nothing-was-released"),
        pytest.param({("news", "creates"): 299}, True, id="worse-than-what-was-released"),
        pytest.param({("news", "creates"): 300}, False, id="just-what-was-released"),
        pytest.param({("news", "creates"): 301}, False, id="better-than-what-was-released"),
        pytest.param({("news", "opt_outs"): 900}, True, id="another-brake-was-released"),
        pytest.param({("crm", "creates"): 900}, True, id="another-connection-was-released"),
    ],
)
def test_a_release_covers_what_was_seen(released: dict[tuple[str, str], int], held: bool) -> None:
    """A person's release names what it releases: it covers what was seen then, and nothing worse."""
    stop = Stop(Brake.CREATES, "news", "300 records would be created, of 400 records there", 300)

    assert unreleased([stop], released) == ([stop] if held else [])


def test_only_what_was_released_goes_on() -> None:
    """Of several stops the uncovered ones stay, in their order."""
    stops = [emptied(5), vanished(7, 10), everything(9, 10)]

    assert unreleased(stops, {("news", "deletes"): 7}) == [emptied(5), everything(9, 10)]
    assert unreleased([FIELDS], {("news", "fields_changed"): 0}) == []
