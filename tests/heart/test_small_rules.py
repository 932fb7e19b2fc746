"""Three small deciders: which edits compete, what an undo may take back, and whether a balance closes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mapping.claims import Pair, Record
from mapping.decisions import Decision, DecisionKind, Reference
from mapping.model import RecordState, Value, WriteKind
from sync.balance import Balance, ConnectionBalance
from sync.guard import Brake, Stop
from sync.times import competing
from sync.undo import _holds
from sync.writes import Setting, Write
from tests.heart.build import added, clear, cut, edit, first, record, showing

ULM, BONN = "Ulm", "Bonn"


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        pytest.param([], [], id="nobody"),
        pytest.param([showing("crm", ULM), showing("news", BONN)], [], id="first-sight-is-no-edit"),
        pytest.param([showing("crm", ULM, edit(ULM)), showing("news", BONN)], [], id="one-edit"),
        pytest.param(
            [showing("crm", ULM, edit(ULM)), showing("news", BONN, edit(BONN))],
            [(1, "city"), (2, "city")],
            id="two-edits",
        ),
        pytest.param(
            [showing("crm", ULM, edit(ULM)), showing("news", ULM, edit(ULM, 900))], [], id="two-edits-to-one-value"
        ),
        pytest.param(
            [showing("crm", ULM, edit(ULM)), showing("news", None, clear(BONN))],
            [(1, "city"), (2, "city")],
            id="an-edit-and-a-clear",
        ),
        pytest.param(
            [showing("crm", ULM, edit(ULM)), showing("news", BONN, edit(BONN), joined=2)],
            [],
            id="edited-before-they-met",
        ),
        pytest.param(
            [showing("crm", ULM, edit(ULM)), showing("news", BONN, cut(BONN, "Bo"))], [], id="an-edit-of-a-cut-form"
        ),
        pytest.param(
            [showing("crm", ULM, edit(ULM)), showing("news", BONN, edit(BONN), name="nick")], [], id="two-fields"
        ),
        pytest.param([record("crm", claims=added("a")), record("news", claims=added("b"))], [], id="members-of-a-set"),
    ],
)
def test_competing_edits(group: list[Record], expected: list[tuple[int, str]]) -> None:
    """A platform's history is asked only where edits of one field differ."""
    assert [(one.id, name) for one, name in competing(group)] == expected


SOURCE = Reference(1, "city", 2)
UPDATE = Write(WriteKind.UPDATE, "news", "p", 2, "news-1", settings=(Setting("city", BONN, ULM, "newest", SOURCE),))
CREATE = Write(WriteKind.CREATE, "news", "p", settings=UPDATE.settings)


def held(value: Value, name: str = "city", rejects: Reference | None = SOURCE) -> Decision:
    return Decision(DecisionKind.HOLD, 2, 700, 7, name, value, 0, rejects)


@pytest.mark.parametrize(
    ("one", "write", "expected"),
    [
        pytest.param(showing("news", ULM, pair=Pair(ULM, ULM)), UPDATE, [held(BONN)], id="still-ours"),
        pytest.param(
            showing("news", "ULM", pair=Pair(ULM, "ULM")), UPDATE, [held(BONN)], id="rewritten-and-still-ours"
        ),
        pytest.param(showing("news", "Kiel", edit("Kiel"), pair=Pair(ULM, ULM)), UPDATE, [], id="edited-since"),
        pytest.param(showing("news", "Kiel", pair=Pair("Kiel", "Kiel")), UPDATE, [], id="written-again-since"),
        pytest.param(showing("news", ULM), UPDATE, [], id="not-ours"),
        pytest.param(
            record("news", {"city": ULM}, pairs={"city": Pair(ULM, ULM)}),
            CREATE,
            [held(None, "", None)],
            id="made",
        ),
        pytest.param(
            record("news", {"city": ULM}, claims={"city": first(ULM)}),
            CREATE,
            [held(None, "", None)],
            id="made-with-defaults",
        ),
        pytest.param(record("news", claims={"city": edit("Kiel")}), CREATE, [], id="made-and-edited-since"),
        pytest.param(record("news", claims=added("vip")), CREATE, [], id="made-and-tagged-since"),
        pytest.param(record("news", state=RecordState.GONE), CREATE, [], id="made-and-deleted-since"),
    ],
)
def test_what_an_undo_takes_back(one: Record, write: Write, expected: list[Decision]) -> None:
    """Each write that still stands is held at what stood there before; what a person changed since is left out."""
    assert _holds(one, write, 7, 700) == expected


def test_an_undo_takes_back_field_by_field() -> None:
    """One edited field does not keep the others from being taken back."""
    write = replace_settings(UPDATE, UPDATE.settings[0], Setting("nick", None, "Addi", "only", SOURCE))
    one = record("news", {"city": "Kiel", "nick": "Addi"}, pairs={"city": Pair(ULM, ULM), "nick": Pair("Addi", "Addi")})

    assert _holds(one, write, 7, 700) == [held(None, "nick")]


def replace_settings(write: Write, *settings: Setting) -> Write:
    return Write(write.kind, write.connection, write.person, write.record, write.remote_id, settings=settings)


FULL = ConnectionBalance(
    pulled=10,
    new=1,
    changed=2,
    unchanged=3,
    refused=4,
    planned=15,
    applied=1,
    held=2,
    refused_writes=3,
    pending=4,
    moved=5,
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, True, id="closes"),
        pytest.param({"pulled": 11}, False, id="a-record-is-missing"),
        pytest.param({"new": 2}, False, id="a-record-too-many"),
        pytest.param({"unchanged": 4, "changed": 1}, True, id="one-kind-for-another"),
        pytest.param({"planned": 16}, False, id="a-write-is-missing"),
        pytest.param({"applied": 2}, False, id="a-write-too-many"),
        pytest.param({"held": 1, "applied": 2}, True, id="one-end-for-another"),
        pytest.param({"refused": 5, "pulled": 11}, True, id="a-refused-record-is-accounted-for"),
        pytest.param({"moved": 6, "planned": 16}, True, id="a-write-planned-anew-is-accounted-for"),
        pytest.param({"would_write": 6, "planned": 21}, True, id="a-rehearsed-write-is-accounted-for"),
        pytest.param({"gone": 9, "creates": 9, "opt_outs": 9}, True, id="counts-beside-the-sums"),
    ],
)
def test_a_balance_closes(change: dict[str, Any], expected: bool) -> None:
    """Each record pulled and each write planned ends somewhere, and the sums say so."""
    one = replace(FULL, **change)

    assert one.closes() is expected
    assert Balance(connections={"crm": FULL, "news": one}).closes() is expected


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        pytest.param(Balance(), True, id="nothing"),
        pytest.param(Balance(connections={"crm": ConnectionBalance(pulled=1, new=1)}), True, id="all-went-well"),
        pytest.param(Balance(connections={"crm": ConnectionBalance(refused=1)}), False, id="a-refused-record"),
        pytest.param(Balance(connections={"crm": ConnectionBalance(refused_writes=1)}), False, id="a-refused-write"),
        pytest.param(Balance(connections={"crm": ConnectionBalance(held=1)}), False, id="a-held-write"),
        pytest.param(Balance(connections={"crm": ConnectionBalance(pending=1)}), False, id="a-waiting-write"),
        pytest.param(Balance(connections={"crm": ConnectionBalance(moved=1)}), True, id="planned-anew"),
        pytest.param(Balance(connections={"crm": ConnectionBalance(would_write=1)}), True, id="rehearsed"),
        pytest.param(Balance(stops=[Stop(Brake.EMPTIED, "crm", "")]), False, id="stopped"),
        pytest.param(Balance(failures={"crm": "down"}), False, id="failed"),
    ],
)
def test_a_run_is_well_only_if_nothing_waits(balance: Balance, expected: bool) -> None:
    """`ok` says that nothing was refused, stopped or failed, and nothing waits; the JSON says the same."""
    assert balance.ok is expected
    assert (balance.to_json()["ok"], balance.to_json()["closes"]) == (expected, balance.closes())
