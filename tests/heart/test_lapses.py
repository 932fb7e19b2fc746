"""What lapses and what is told once: undos, refusals and reviews over time, and values that a codec will not take.

Each row was a defect: a write offered for ever, a tag taken away that nobody took away, a plan that raised.
"""

from __future__ import annotations

import pytest

from connectors.codecs import read_date, write_date
from mapping.claims import Claim, Pair, Record, observe
from mapping.decisions import Decision, Policy, Reference
from mapping.fields import FieldTable, both
from mapping.model import Create, Direction, RecordState, Seen, Value
from mapping.sets import union
from mapping.values import Kind
from sync.writes import Finding, FindingKind
from tests.heart.build import (
    ADA,
    added,
    clear,
    cut,
    edit,
    first,
    hold,
    lines,
    planned,
    record,
    removed,
    rules,
    showing,
    target,
    was_cut,
)

ULM, BONN, KIEL, FULL = "Ulm", "Bonn", "Kiel", "Adelheid von Winter"
UNDONE = Reference(1, "city", 1)
NOTHING: list[str] = []


def tagged(
    connection: str, *shown: str, claims: dict[str, Claim] | None = None, state: RecordState = RecordState.LIVE
) -> Record:
    """A record by its tags, and who put them there."""
    return record(connection, {"tags": list(shown)} if shown else {}, claims=claims or {}, state=state)


def sent(one: Record, name: str, value: Value, shown: Value) -> Record:
    """The same record, where we sent *value* and the platform showed *shown*."""
    one.pairs[name] = Pair(value, shown)
    return one


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        pytest.param(Direction.READ, ["news city: held"], id="read"),
        pytest.param(Direction.FILL, ["news city: 'Ulm' -> None (undo)"], id="fill"),
        pytest.param(Direction.BOTH, ["news city: 'Ulm' -> None (undo)"], id="both"),
    ],
)
def test_an_undo_of_a_fill_by_direction(way: Direction, expected: list[str]) -> None:
    """What we filled is taken back wherever we may write; where nothing is written, it is listed."""
    there = showing("news", ULM, pair=Pair(ULM, ULM))

    assert (
        lines(planned([showing("crm", ULM), there], [hold(None, UNDONE)], targets=[target(direction=way)])) == expected
    )


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        pytest.param({"city": BONN}, ["news city: refused"], id="refused"),
        pytest.param({"city": KIEL}, ["news city: 'Ulm' -> 'Bonn' (undo)"], id="another-value-was-refused"),
    ],
)
def test_a_refused_undo_is_not_offered_again(refused: dict[str, Value], expected: list[str]) -> None:
    """A platform that will not take the old value back is asked once."""
    there = showing("news", ULM, first(BONN), pair=Pair(ULM, ULM), refused=refused)

    assert lines(planned([showing("crm", ULM, edit(ULM)), there], [hold(BONN, Reference(1, "city", 2))])) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(5, ["news tags: ['new'] -> None (undo)"], id="before-the-undo"),
        pytest.param(7, ["news tags: ['new'] -> ['a', 'new'] (union)"], id="after-the-undo"),
    ],
)
def test_an_edit_of_one_tag_ends_the_undo_of_all(seen: int, expected: list[str]) -> None:
    """A tag that somebody added after an undo is theirs: it stays, and the set is kept level again."""
    there = sent(tagged("news", "new", claims=added("new", at=900, seen=seen)), "tags", [], None)
    undo = hold(None, Reference(1, "tags", 1), name="tags")

    assert lines(planned([tagged("crm", "a"), there], [undo])) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(5, [f"news archive {ADA}"], id="before-the-undo"),
        pytest.param(6, ["news city: None -> 'Ulm' (only)"], id="after-the-undo"),
    ],
)
def test_an_undone_create_that_somebody_worked_on_is_kept_level(seen: int, expected: list[str]) -> None:
    """An edit ends the undo of a create for good: the record is one like any other."""
    made = record("news", {"phone": "1"}, addresses=(ADA,), claims={"phone": edit("1", seen=seen)})
    undo = hold(None, Reference(0, "", 0), name="")

    assert lines(planned([record("crm", {"city": ULM}, addresses=(ADA,)), made], [undo])) == expected


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        pytest.param(["a", "b"], ["news tags: refused"], id="refused"),
        pytest.param(["b", "a"], ["news tags: refused"], id="in-whatever-order"),
        pytest.param(["b"], ["news tags: ['a'] -> ['a', 'b'] (union)"], id="another-set-was-refused"),
    ],
)
def test_a_refused_set_is_not_offered_again(refused: list[str], expected: list[str]) -> None:
    """What counts is the set that was sent, with the members that are the platform's own."""
    here = tagged("crm", "b", claims={"tags": first(["a", "b"]), **removed("a")})
    there = tagged("news", "a")
    there.refused["tags"] = refused

    assert lines(planned([here, there])) == expected


def test_deleting_a_record_takes_no_tags_away_elsewhere() -> None:
    """What a record that is away had to say of a set still counts, so nothing that it brought is removed."""
    gone = tagged("crm", "a", state=RecordState.GONE)
    there = sent(tagged("news", "a", "b", claims={"tags": first(["b"])}), "tags", ["a", "b"], ["a", "b"])

    assert planned([gone, there]) == ([], [])


def test_what_was_removed_before_a_record_was_deleted_stays_removed() -> None:
    """A removal at a record that is away counts like one at a live record."""
    gone = tagged("crm", state=RecordState.GONE, claims={"tags": first(["a"]), **removed("a")})
    there = sent(tagged("news", "a", "b", claims={"tags": first(["b"])}), "tags", ["a", "b"], ["a", "b"])

    assert lines(planned([gone, there])) == ["news tags: ['a', 'b'] -> ['b'] (union)"]


def test_a_set_of_which_nobody_speaks() -> None:
    """Without claims there is no set, not an empty one."""
    assert union("tags", [record("news", {"tags": ["a"]})], []) is None


DATED = FieldTable((both("city", "city", Kind.DATE, reads=read_date, writes=write_date),))


@pytest.mark.parametrize(
    ("there", "way", "expected"),
    [
        pytest.param(None, Direction.BOTH, ["news city: cannot"], id="blank"),
        pytest.param("2024-05-01", Direction.BOTH, ["news city: cannot"], id="over-a-value"),
        pytest.param("soon", Direction.BOTH, NOTHING, id="what-stands-there-already"),
        pytest.param(None, Direction.READ, NOTHING, id="where-nothing-is-written"),
    ],
)
def test_a_value_that_a_codec_refuses_stops_nobody(there: Value, way: Direction, expected: list[str]) -> None:
    """A value that a platform cannot hold is listed where it would be written, and the plan goes on."""
    here = showing("crm", "soon", edit("soon"))

    assert lines(planned([here, showing("news", there)], targets=[target(fields=DATED, direction=way)])) == expected


def test_a_value_that_a_codec_refuses_says_why() -> None:
    """The codec's own words are passed on."""
    _, findings = planned([showing("crm", "soon"), record("news")], targets=[target(fields=DATED)])

    text = '"soon" is no date (expected year-month-day, as in 2026-03-31)'
    assert findings == [Finding(FindingKind.CANNOT, "news", 2, "city", text)]


@pytest.mark.parametrize(
    ("here", "fields"),
    [
        pytest.param(record("crm", {"city": "soon"}, addresses=(ADA,)), DATED, id="a-value-that-a-codec-refuses"),
        pytest.param(
            record("crm", claims={"address": clear({"city": ULM})}, addresses=(ADA,)), None, id="a-cleared-address"
        ),
    ],
)
def test_no_value_stops_a_create(here: Record, fields: FieldTable | None) -> None:
    """A new record is made without the values that it cannot hold, and without blanks."""
    there = target(create=Create.EVERYONE) if fields is None else target(create=Create.EVERYONE, fields=fields)
    policies = rules(fields={"address": Policy(clear=True)})

    assert lines(planned([here], targets=[there], policies=policies)) == [f"news create {ADA}"]


@pytest.mark.parametrize(
    ("shop", "expected"),
    [
        pytest.param(showing("shop", BONN), ["city: conflict"], id="in-conflict"),
        pytest.param(showing("shop", None), NOTHING, id="agreed"),
    ],
)
def test_a_value_in_conflict_is_not_called_gone(shop: Record, expected: list[str]) -> None:
    """What we filled stays, unremarked, while its source is only contradicted."""
    there = showing("news", ULM, pair=Pair(ULM, ULM))

    assert lines(planned([showing("crm", ULM), there, shop])) == expected


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        pytest.param(Direction.READ, NOTHING, id="where-nothing-is-written"),
        pytest.param(Direction.BOTH, ["news city: review"], id="where-it-would-be-replaced"),
    ],
)
@pytest.mark.parametrize("again", ["Adelhy", "Zoe"])
def test_a_second_edit_of_a_cut_form_replaces_nothing_either(way: Direction, expected: list[str], again: str) -> None:
    """Whoever edits a shortened value twice has still seen only the short one."""
    there = showing("news", "Adelhx", cut("Adelhx", "Adelhe"), pair=was_cut(FULL, "Adelhe"))

    after, _ = observe(there, Seen("news-1", {"city": again}, modified=250), revision=3, now=260)

    assert after.claims == {"city": cut(again, "Adelhx", at=250, seen=3)}
    assert lines(planned([showing("crm", FULL), after], targets=[target(direction=way), target("crm")])) == expected


@pytest.mark.parametrize("decisions", [[], [hold(None, UNDONE)]], ids=["filled", "undone"])
def test_a_read_only_place_is_never_written(decisions: list[Decision]) -> None:
    """Whatever a field needs, direction `read` plans no write."""
    for there in (None, ULM, BONN):
        writes, _ = planned(
            [showing("crm", ULM, edit(ULM)), showing("news", there)],
            decisions,
            targets=[target(direction=Direction.READ)],
        )

        assert writes == []
