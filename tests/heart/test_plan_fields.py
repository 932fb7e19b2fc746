"""The plan, field by field: every situation of a value here and a value there is one row.

`crm` is where values come from; what is planned is looked at in `news`. Rows read: what both know, what may be
written, and what the plan says of it.
"""

from __future__ import annotations

from typing import Any

import pytest

from mapping.claims import Pair, Record
from mapping.decisions import Decision, DecisionKind, Policies, Policy, Reference
from mapping.model import Direction, RecordState, Value, WriteKind
from mapping.survivorship import Choice, Person, Rule
from sync.plan import plan_person
from sync.writes import Case, Finding, FindingKind, Setting, Write
from tests.heart.build import (
    ADA,
    WEEK,
    added,
    clear,
    cut,
    edit,
    first,
    hold,
    keep,
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
READ, FILL, BOTH = Direction
TRUST_CRM = rules(fields={"city": Policy(trust=("crm", "news"))})
TRUST_NEWS = rules(fields={"city": Policy(trust=("news", "crm"))})
CLEAR = rules(fields={"city": Policy(clear=True)})
NOTHING: list[str] = []


def crm(value: Value, *claim: Any, **more: Any) -> Record:
    return showing("crm", value, *claim, **more)


def news(value: Value, *claim: Any, **more: Any) -> Record:
    return showing("news", value, *claim, **more)


def filled(value: str = ULM, **more: Any) -> Record:
    """`news` shows what we put there."""
    return news(value, pair=Pair(value, value), **more)


def fill(value: str = ULM, rule: str = "only") -> list[str]:
    return [f"news city: None -> {value!r} ({rule})"]


def put(before: str, after: Value, rule: str = "newest") -> list[str]:
    return [f"news city: {before!r} -> {after!r} ({rule})"]


HELD, CLEARED, CONFLICT, REVIEW = ([f"news city: {kind}"] for kind in ("held", "cleared", "conflict", "review"))
BOTH_CONFLICT = ["city: conflict"]


@pytest.mark.parametrize(
    ("here", "there", "read", "fills", "both"),
    [
        pytest.param(crm(ULM), news(None), NOTHING, fill(), fill(), id="met-a-blank"),
        pytest.param(crm(None), news(ULM), NOTHING, NOTHING, NOTHING, id="met-with-nothing-to-say"),
        pytest.param(crm(ULM), news(ULM), NOTHING, NOTHING, NOTHING, id="met-and-agree"),
        pytest.param(crm(ULM), news(" ULM"), NOTHING, NOTHING, NOTHING, id="met-and-agree-in-other-words"),
        pytest.param(crm(ULM), news(BONN), BOTH_CONFLICT, BOTH_CONFLICT, BOTH_CONFLICT, id="met-and-differ"),
        pytest.param(crm(ULM, edit(ULM)), news(BONN), NOTHING, HELD, put(BONN, ULM), id="edited-here"),
        pytest.param(crm(ULM, edit(ULM)), news(None), NOTHING, fill(ULM), fill(ULM), id="edited-here-blank-there"),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(None, clear(BONN, at=100, seen=1)),
            NOTHING,
            fill(),
            fill(),
            id="edited-after-clear",
        ),
        pytest.param(
            crm(ULM, edit(ULM, at=200)),
            news(BONN, edit(BONN, at=300)),
            NOTHING,
            NOTHING,
            NOTHING,
            id="edited-there-later",
        ),
        pytest.param(
            crm(ULM, edit(ULM, at=300)),
            news(BONN, edit(BONN, at=200)),
            NOTHING,
            HELD,
            put(BONN, ULM),
            id="edited-in-both-later-here",
        ),
        pytest.param(
            crm(ULM, edit(ULM)), news(BONN, joined=2), NOTHING, HELD, CONFLICT, id="edited-before-this-one-joined"
        ),
        pytest.param(crm(ULM, edit(ULM)), news(None, joined=2), NOTHING, fill(), fill(), id="edited-before-but-blank"),
        pytest.param(
            crm(ULM, edit(ULM)),
            filled(BONN, joined=2),
            NOTHING,
            HELD,
            put(BONN, ULM, "only"),
            id="our-own-is-nobodys-value",
        ),
        pytest.param(crm(ULM), filled(), NOTHING, NOTHING, NOTHING, id="filled-and-stands"),
        pytest.param(crm(None, clear(ULM)), filled(), HELD, HELD, HELD, id="cleared-here-is-not-spread"),
        pytest.param(crm(ULM), news(None, clear(ULM)), NOTHING, CLEARED, CLEARED, id="cleared-there-is-not-refilled"),
        pytest.param(
            crm(ULM, edit(ULM, at=300)), news(None, clear(BONN)), NOTHING, fill(), fill(), id="cleared-there-newer-edit"
        ),
        pytest.param(
            crm(ULM, edit(ULM, at=200, seen=3)),
            news(None, clear(BONN)),
            NOTHING,
            fill(),
            fill(),
            id="cleared-same-time",
        ),
        pytest.param(
            crm(ULM, edit(ULM, at=200, seen=2)),
            news(None, clear(BONN)),
            NOTHING,
            CLEARED,
            CLEARED,
            id="cleared-same-run",
        ),
        pytest.param(
            crm(FULL), news("Adelhe", pair=was_cut(FULL, "Adelhe")), NOTHING, NOTHING, NOTHING, id="cut-and-stands"
        ),
        pytest.param(
            crm(FULL),
            news("Adelhx", cut("Adelhx", "Adelhe"), pair=was_cut(FULL, "Adelhe")),
            NOTHING,
            REVIEW,
            REVIEW,
            id="cut-form-edited",
        ),
        pytest.param(
            crm(BONN, edit(BONN, seen=2)),
            news("Adelhx", cut("Adelhx", "Adelhe", seen=2), pair=was_cut(FULL, "Adelhe")),
            NOTHING,
            REVIEW,
            REVIEW,
            id="cut-form-edited-in-the-same-run",
        ),
        pytest.param(
            crm(BONN, edit(BONN, seen=3)),
            news("Adelhx", cut("Adelhx", "Adelhe"), pair=was_cut(FULL, "Adelhe")),
            NOTHING,
            HELD,
            put("Adelhx", BONN, "only"),
            id="cut-form-edited-then-a-newer-edit",
        ),
        pytest.param(
            crm(ULM), news("ULM", pair=Pair(ULM, "ULM")), NOTHING, NOTHING, NOTHING, id="rewritten-and-stands"
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, first(KIEL), pair=Pair(BONN, BONN)),
            NOTHING,
            HELD,
            put(BONN, ULM),
            id="our-last-write-is-replaced-by-the-next",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, first(KIEL), pair=Pair(BONN, BONN), joined=2),
            NOTHING,
            HELD,
            put(BONN, ULM),
            id="our-last-write-is-replaced-though-they-met-later",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(None, first(BONN, at=300), pair=Pair(KIEL, None)),
            NOTHING,
            fill(ULM, "newest"),
            fill(ULM, "newest"),
            id="swallowed-by-the-platform-is-no-clear",
        ),
        pytest.param(
            crm("ulm", edit("ulm")),
            news(ULM, pair=Pair(ULM, ULM)),
            NOTHING,
            HELD,
            put(ULM, "ulm", "only"),
            id="respelled",
        ),
        pytest.param(crm(ULM, edit(ULM)), news("ULM"), NOTHING, NOTHING, NOTHING, id="respelled-is-no-first-write"),
        pytest.param(
            crm(ULM, edit(ULM, at=300)),
            news("ULM", edit("ULM"), pair=Pair(ULM, ULM)),
            NOTHING,
            HELD,
            put("ULM", ULM),
            id="sent-but-no-longer-shown",
        ),
    ],
)
def test_value_here_value_there(
    here: Record, there: Record, read: list[str], fills: list[str], both: list[str]
) -> None:
    """What a value here means for the record there, by what may be written there."""
    plans = [lines(planned([here, there], targets=[target(direction=way)])) for way in (READ, FILL, BOTH)]

    assert plans == [read, fills, both]
    assert [lines(planned([there, here], targets=[target(direction=way)])) for way in (READ, FILL, BOTH)] == plans


@pytest.mark.parametrize(
    ("here", "there", "policies", "expected"),
    [
        pytest.param(crm(ULM), news(BONN), TRUST_CRM, put(BONN, ULM, "trust"), id="trusted-here-overwrites"),
        pytest.param(crm(ULM), news(BONN), TRUST_NEWS, NOTHING, id="trusted-there-stands"),
        pytest.param(
            crm(ULM),
            news(BONN, edit(BONN, 900, 9)),
            TRUST_CRM,
            [*put(BONN, ULM, "trust"), *CONFLICT],
            id="an-edit-elsewhere-is-put-back-and-noted",
        ),
        pytest.param(
            crm(ULM),
            filled(BONN, joined=1),
            TRUST_CRM,
            put(BONN, ULM, "trust"),
            id="our-own-is-put-right-without-a-word",
        ),
        pytest.param(
            crm(ULM),
            news(BONN, edit(BONN), pair=Pair(ULM, ULM)),
            TRUST_CRM,
            [*put(BONN, ULM, "trust"), *CONFLICT],
            id="an-edit-of-ours-is-put-back-and-noted",
        ),
        pytest.param(crm(ULM), news(None, clear(BONN)), TRUST_NEWS, CLEARED, id="cleared-at-the-trusted-place"),
        pytest.param(
            crm(FULL),
            news("Adelhx", cut("Adelhx", "Adelhe"), pair=was_cut(FULL, "Adelhe")),
            TRUST_NEWS,
            REVIEW,
            id="cut-form-edited-at-the-trusted-place",
        ),
        pytest.param(
            crm(ULM), news(None, clear(BONN, 900, 9)), TRUST_CRM, fill(ULM, "trust"), id="a-clear-elsewhere-is-put-back"
        ),
        pytest.param(
            crm(ULM),
            news(BONN, joined=9),
            TRUST_CRM,
            put(BONN, ULM, "trust"),
            id="an-approved-policy-beats-first-meeting",
        ),
        pytest.param(crm(None, clear(ULM)), filled(), CLEAR, put(ULM, None, "only"), id="clear-spreads"),
        pytest.param(crm(None, clear(ULM)), news(BONN), CLEAR, put(BONN, None), id="clear-spreads-over-a-value"),
        pytest.param(
            crm(None, clear(ULM)), news(BONN, edit(BONN, 300)), CLEAR, NOTHING, id="clear-does-not-spread-over-an-edit"
        ),
        pytest.param(crm(None, clear(ULM)), news(None), CLEAR, NOTHING, id="clear-meets-a-blank"),
        pytest.param(
            crm(None, clear(ULM)), news(BONN, joined=2), CLEAR, CONFLICT, id="clear-spreads-not-over-a-first-meeting"
        ),
    ],
)
def test_policies(here: Record, there: Record, policies: Policies, expected: list[str]) -> None:
    """A standing policy that a person approved decides where the newest value would not."""
    assert lines(planned([here, there], policies=policies)) == expected


SOURCE = Reference(1, "city", 1)
EDITED, LATER = Reference(1, "city", 2), Reference(1, "city", 7)
ALONE = Decision(DecisionKind.LEAVE_ALONE, 1, 500, 5)


def released(at: int, *, at_record: int = 2, name: str = "city") -> Decision:
    return Decision(DecisionKind.RELEASE, at_record, at, 5, name)


@pytest.mark.parametrize(
    ("here", "there", "decisions", "expected"),
    [
        pytest.param(crm(ULM), news(BONN), [keep(ULM)], put(BONN, ULM, "kept"), id="keep-settles"),
        pytest.param(crm(ULM), news(BONN), [keep(BONN, at_record=2)], NOTHING, id="keep-what-stands"),
        pytest.param(
            crm(ULM), news(BONN, joined=6), [keep(ULM)], CONFLICT, id="keep-covers-no-record-that-joined-later"
        ),
        pytest.param(crm(ULM), news(BONN, joined=5), [keep(ULM)], put(BONN, ULM, "kept"), id="keep-of-the-same-run"),
        pytest.param(crm(ULM), news(None, clear(BONN)), [keep(ULM)], fill(ULM, "kept"), id="keep-refills-a-clear"),
        pytest.param(
            crm(ULM), news(None, clear(BONN, seen=6)), [keep(ULM)], CLEARED, id="keep-does-not-refill-a-later-clear"
        ),
        pytest.param(
            crm(FULL),
            news("Adelhx", cut("Adelhx", "Adelhe"), pair=was_cut(FULL, "Adelhe")),
            [keep(FULL)],
            put("Adelhx", FULL, "kept"),
            id="keep-ends-a-review",
        ),
        pytest.param(crm(ULM), filled(), [hold(None, SOURCE)], put(ULM, None, "undo"), id="undo-of-a-fill"),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(ULM, first(BONN), pair=Pair(ULM, ULM)),
            [hold(BONN, EDITED)],
            put(ULM, BONN, "undo"),
            id="undo-of-a-write",
        ),
        pytest.param(crm(ULM), news(None), [hold(None, SOURCE)], HELD, id="undone-and-held"),
        pytest.param(
            crm(ULM, edit(ULM)),
            news("BONN", first(BONN), pair=Pair(BONN, "BONN")),
            [hold(BONN, EDITED)],
            HELD,
            id="undone-and-rewritten",
        ),
        pytest.param(
            crm(KIEL, edit(KIEL, 900, 7)),
            news(BONN, first(BONN), pair=Pair(BONN, BONN)),
            [hold(BONN, SOURCE)],
            put(BONN, KIEL),
            id="undone-then-edited-here",
        ),
        pytest.param(
            crm(ULM),
            news(KIEL, edit(KIEL, 900, 7), pair=Pair(BONN, BONN)),
            [hold(BONN, SOURCE)],
            NOTHING,
            id="undone-then-edited-there",
        ),
        pytest.param(
            crm(ULM, edit(ULM, 950, 7)),
            news(KIEL, edit(KIEL, 900, 7), pair=Pair(BONN, BONN)),
            [hold(BONN, LATER)],
            put(KIEL, ULM),
            id="edited-there-ends-the-hold-for-good",
        ),
        pytest.param(
            crm(ULM),
            news(BONN),
            [hold(BONN, SOURCE), keep(ULM, revision=5)],
            put(BONN, ULM, "kept"),
            id="decided-after-it",
        ),
        pytest.param(crm(ULM), news(BONN), [keep(ULM, revision=4), hold(BONN, SOURCE)], HELD, id="decided-before-it"),
        pytest.param(crm(ULM), news(None), [hold(None, SOURCE, at_record=1)], fill(), id="undone-at-another-record"),
        pytest.param(crm(ULM), news(None), [hold(None, SOURCE, name="phone")], fill(), id="undone-in-another-field"),
        pytest.param(crm(ULM), news(None), [ALONE], NOTHING, id="leave-alone"),
        pytest.param(crm(ULM), news(BONN), [ALONE], BOTH_CONFLICT, id="leave-alone-still-lists-conflicts"),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, returns={"city": (10, 20)}),
            [],
            ["news city: contested"],
            id="contested",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(None, returns={"city": (10, 20)}),
            [],
            ["news city: contested"],
            id="contested-blank",
        ),
        pytest.param(
            crm(ULM, edit(ULM)), news(ULM, returns={"city": (10, 20)}), [], NOTHING, id="contested-but-it-agrees"
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, returns={"city": (10, 11 + WEEK)}),
            [],
            put(BONN, ULM),
            id="came-back-slowly",
        ),
        pytest.param(
            crm(ULM, edit(ULM)), news(BONN, returns={"city": (10, 20)}), [released(20)], put(BONN, ULM), id="released"
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, returns={"city": (10, 20)}),
            [released(9)],
            ["news city: contested"],
            id="contested-after-a-release",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, returns={"city": (10, 20)}),
            [released(20, name="")],
            put(BONN, ULM),
            id="released-with-all-its-fields",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, returns={"city": (10, 20)}),
            [released(50, name="phone")],
            ["news city: contested"],
            id="another-field-was-released",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, returns={"city": (10, 20)}),
            [keep("1", at_record=2, name="phone")],
            ["news city: contested"],
            id="another-field-was-kept",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, returns={"city": (10, 20)}),
            [keep(ULM)],
            put(BONN, ULM, "kept"),
            id="contested-then-kept-wherever-that-was",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, returns={"city": (10, 20)}),
            [released(20, at_record=1)],
            ["news city: contested"],
            id="another-record-was-released",
        ),
        pytest.param(
            crm(ULM, edit(ULM)),
            news(BONN, refused={"city": ULM}),
            [],
            ["news city: refused"],
            id="refused-by-the-platform",
        ),
        pytest.param(
            crm(ULM, edit(ULM)), news(BONN, refused={"city": KIEL}), [], put(BONN, ULM), id="another-value-was-refused"
        ),
        pytest.param(
            crm(ULM, edit(ULM)), news(BONN, refused={"phone": ULM}), [], put(BONN, ULM), id="another-field-was-refused"
        ),
    ],
)
def test_decisions_and_obstacles(here: Record, there: Record, decisions: list[Decision], expected: list[str]) -> None:
    """What people said goes before what rules find; what a platform will not have is not offered again."""
    assert lines(planned([here, there], decisions)) == expected


WHOLE, PART = {"street": "Hauptstr. 1", "city": "Ulm"}, {"city": "Ulm"}
HERE = {"street": "hauptstr. 1", "city": "ULM"}


@pytest.mark.parametrize(
    ("name", "here", "there", "expected"),
    [
        pytest.param("phone", crm("030 123456"), news("+49 30 123456"), NOTHING, id="phone-that-means-the-same"),
        pytest.param(
            "phone", crm("030 123456"), news(None), ["news phone: None -> '030 123456' (only)"], id="phone-as-it-is"
        ),
        pytest.param("nick", crm(FULL), news(None), ["news nick: None -> 'Adelhe' (only)"], id="cut-by-its-own-limit"),
        pytest.param("nick", crm(FULL), news("Adelhe"), ["nick: conflict"], id="a-cut-form-met-at-first-sight"),
        pytest.param(
            "nick", crm(FULL), news("Adelhe", pair=Pair("Adelhe", "Adelhe")), NOTHING, id="what-we-cut-stands"
        ),
        pytest.param("address", crm(WHOLE), news(None), [f"news address: None -> {WHOLE} (only)"], id="address-fits"),
        pytest.param("address", crm(PART), news(None), ["news address: cannot"], id="address-does-not-fit"),
        pytest.param("address", crm(WHOLE), news(HERE), NOTHING, id="address-that-means-the-same"),
        pytest.param("address", crm(PART), news(PART), NOTHING, id="what-stands-there-fits"),
        pytest.param(
            "address",
            crm(PART, edit(PART)),
            news(WHOLE),
            ["news address: cannot"],
            id="never-half-of-one-and-half-of-another",
        ),
        pytest.param("stage", crm("lead"), news(None), NOTHING, id="a-field-that-is-only-read"),
        pytest.param("fax", crm("1"), news(None), NOTHING, id="a-field-that-it-does-not-have"),
    ],
)
def test_kinds_of_field(name: str, here: Record, there: Record, expected: list[str]) -> None:
    """What a platform cannot hold is listed; what it would show the same is not written."""
    assert lines(planned([of(here, name), of(there, name)])) == expected


def of(one: Record, name: str) -> Record:
    """The same record, with another field in place of its city."""
    return showing(one.connection, one.known.get("city"), one.claims.get("city"), name=name, pair=one.pairs.get("city"))


def tagged(connection: str, *shown: str, **more: Any) -> Record:
    return record(connection, {"tags": list(shown)} if shown else {}, **more)


def ours(*sent: str) -> dict[str, Pair]:
    return {"tags": Pair(list(sent), list(sent))}


@pytest.mark.parametrize(
    ("here", "there", "decisions", "fills", "both"),
    [
        pytest.param(tagged("crm", "a"), tagged("news"), [], "None -> ['a']", "None -> ['a']", id="filled"),
        pytest.param(tagged("crm"), tagged("news", "a"), [], "", "", id="nothing-to-add"),
        pytest.param(
            tagged("crm", "a"),
            tagged("news", pairs={"tags": Pair(None, None)}),
            [],
            "None -> ['a']",
            "None -> ['a']",
            id="filled-after-all-were-removed",
        ),
        pytest.param(tagged("crm", "a"), tagged("news", "A"), [], "", "", id="two-spellings-mean-the-same"),
        pytest.param(
            tagged("crm", "a"), tagged("news", "b"), [], "held", "['b'] -> ['a', 'b']", id="first-meeting-unites"
        ),
        pytest.param(
            tagged("crm", claims={"tags": first(["a"]), **removed("a")}),
            tagged("news", "a", "b", pairs=ours("a", "b"), claims={"tags": first(["b"])}),
            [],
            "held",
            "['a', 'b'] -> ['b']",
            id="removed-here-goes-there",
        ),
        pytest.param(
            tagged("crm", claims={"tags": first(["a"]), **removed("a")}),
            tagged("news", "a", pairs=ours("a")),
            [],
            "held",
            "['a'] -> None",
            id="the-last-one-removed",
        ),
        pytest.param(
            tagged("crm", claims={"tags": first(["a"]), **removed("a")}),
            tagged("news", "a"),
            [],
            "",
            "",
            id="what-others-put-there-stays",
        ),
        pytest.param(
            tagged("crm", "a", "b"),
            tagged("news", "a", pairs=ours("a", "b"), claims=removed("b")),
            [],
            "",
            "",
            id="removed-there-is-not-put-back",
        ),
        pytest.param(
            tagged("crm", "a", "b", claims={"tags": first(["a"]), **added("b", at=300)}),
            tagged("news", "a", pairs=ours("a", "b"), claims=removed("b")),
            [],
            "held",
            "['a'] -> ['a', 'b']",
            id="removed-there-then-added-here",
        ),
        pytest.param(
            tagged("crm", "a"),
            tagged("news", "a", "c", pairs=ours("a"), claims=added("c")),
            [],
            "",
            "",
            id="added-there-stands-there",
        ),
        pytest.param(
            tagged("crm", "a", claims={"tags": first(["a"]), **removed("c", at=300)}),
            tagged("news", "a", "c", pairs=ours("a"), claims=added("c")),
            [],
            "held",
            "['a', 'c'] -> ['a']",
            id="added-there-then-removed-here",
        ),
        pytest.param(
            tagged("crm", "a"),
            tagged("news", "a", pairs=ours("a")),
            [hold(None, Reference(1, "tags", 1), name="tags")],
            "['a'] -> None",
            "['a'] -> None",
            id="undo-of-a-fill",
        ),
        pytest.param(
            tagged("crm", "a"),
            tagged("news", joined=9),
            [],
            "None -> ['a']",
            "None -> ['a']",
            id="joined-later-is-filled",
        ),
        pytest.param(
            tagged("crm", "a"),
            tagged("news", "b", joined=9),
            [],
            "held",
            "['b'] -> ['a', 'b']",
            id="joined-later-is-united",
        ),
        pytest.param(
            tagged("crm", "a"), tagged("news", refused={"tags": ["a"]}), [], "refused", "refused", id="refused"
        ),
    ],
)
def test_sets(here: Record, there: Record, decisions: list[Decision], fills: str, both: str) -> None:
    """Tags merge member by member: all are added, and only what we sent or its own people removed goes."""
    for way, expected in ((READ, ""), (FILL, fills), (BOTH, both)):
        if way is READ and decisions:
            continue
        said = lines(planned([here, there], decisions, targets=[target(direction=way)]))

        assert [line.partition("tags: ")[2].partition(" (")[0] for line in said] == ([expected] if expected else [])


@pytest.mark.parametrize("state", [RecordState.GONE, RecordState.ARCHIVED, RecordState.MERGED])
def test_nothing_is_written_to_a_record_that_is_away(state: RecordState) -> None:
    """Only live records are written to."""
    assert planned([crm(ULM), news(None, state=state)]) == ([], [])


def test_nothing_is_written_where_no_connection_is() -> None:
    """A record whose connection takes no part in this run is left alone."""
    assert planned([crm(ULM), news(None)], targets=[target("shop")]) == ([], [])


def test_one_record_alone_needs_nothing() -> None:
    """A person at one place only shows what they show."""
    assert planned([news(ULM)]) == ([], [])


def test_one_record_left_alone_with_what_was_filled_in() -> None:
    """Who was split off keeps what we filled, and it is said: a blank never wipes a value."""
    assert planned([filled()]) == (
        [],
        [Finding(FindingKind.HELD, "news", 2, "city", "what it was filled from is gone; a blank never wipes a value")],
    )


def test_a_chosen_blank_wipes_nothing() -> None:
    """Whoever says that a value is blank wipes none, unless the policy of that field clears."""
    case = Case("p_ada", [crm(None), news(ULM)])
    person = Person({"city": Choice(None, 500, 6, Rule.KEPT, SOURCE)}, {})

    assert lines(plan_person(case, person, {"news": target()}, rules())) == HELD
    assert lines(plan_person(case, person, {"news": target()}, CLEAR)) == put(ULM, None, "kept")


@pytest.mark.parametrize("leads", ["news-1", "news-2"])
def test_only_the_lead_is_written_to(leads: str) -> None:
    """Of two records of one person on one platform one leads; the other is listed as a duplicate."""
    one, two = news(None, engagement=1.0), news(None, id=4, remote_id="news-2")
    choice = [Decision(DecisionKind.LEAD, 4, 500, 5)] if leads == "news-2" else []

    writes, findings = planned([crm(ULM), one, two], choice)

    assert [write.remote_id for write in writes] == [leads]
    assert findings == [
        Finding(FindingKind.DUPLICATE, "news", 2 if choice else 4, "", f"second record of one person; {leads} leads")
    ]


def test_a_row_of_the_plan() -> None:
    """One write per record, with what stands there, what is to stand there, and why, field by field."""
    here = record("crm", {"city": ULM, "nick": FULL, "phone": "1", "tags": ["b", "a"]}, claims={"phone": edit("1")})
    there = record("news", {"phone": "2", "email": ADA}, addresses=(ADA, "b@example.org"))

    assert planned([here, there]) == (
        [
            Write(
                WriteKind.UPDATE,
                "news",
                "p_ada",
                2,
                "news-1",
                ADA,
                (
                    Setting("city", None, ULM, "only", SOURCE),
                    Setting("nick", None, "Adelhe", "only", Reference(1, "nick", 1)),
                    Setting("phone", "2", "1", "newest", Reference(1, "phone", 2)),
                    Setting("tags", None, ["a", "b"], "union", Reference(1, "tags", 1)),
                ),
                why="city: only, nick: only, phone: newest, tags: union",
            )
        ],
        [],
    )


@pytest.mark.parametrize(
    ("here", "there", "decisions", "detail"),
    [
        pytest.param(crm(ULM, edit(ULM)), news(BONN, joined=2), [], "Bonn / Ulm", id="conflict"),
        pytest.param(crm(ULM), news(None, clear(ULM)), [], "cleared there; not refilled", id="cleared"),
        pytest.param(
            crm(ULM, edit(ULM)), news(BONN, refused={"city": ULM}), [], 'the platform refused "Ulm"', id="refused"
        ),
        pytest.param(
            crm(ULM, edit(ULM)), news(BONN, returns={"city": (1, 2)}), [], 'keeps coming back to "Bonn"', id="contested"
        ),
        pytest.param(
            crm(FULL),
            news("Adelhx", cut("Adelhx", "Adelhe"), pair=was_cut(FULL, "Adelhe")),
            [],
            'edited a shortened value: "Adelhx"',
            id="review",
        ),
        pytest.param(crm(ULM), news(None), [hold(None, SOURCE)], "undone; held until somebody edits it", id="undone"),
    ],
)
def test_each_finding_says_why(here: Record, there: Record, decisions: list[Decision], detail: str) -> None:
    """Whatever is left alone is listed with its reason in words."""
    _, findings = planned([here, there], decisions)

    assert [(one.connection, one.record, one.name, one.detail) for one in findings] == [("news", 2, "city", detail)]


def test_a_conflict_names_every_value() -> None:
    """An open conflict lists what each record shows, newest first, under one record of the person."""
    _, findings = planned([crm(ULM), news(BONN), showing("shop", KIEL)])

    assert findings == [Finding(FindingKind.CONFLICT, "", 3, "city", "Kiel / Bonn / Ulm")]


def test_an_edit_that_is_put_back_names_both_values() -> None:
    """Who is overruled by a trust order can read what stood there, and what replaces it."""
    _, findings = planned([crm(ULM), news(BONN, edit(BONN), pair=Pair(ULM, ULM))], policies=TRUST_CRM)

    assert findings == [
        Finding(FindingKind.CONFLICT, "news", 2, "city", "Bonn, put back to Ulm: the other side is trusted")
    ]


def test_what_does_not_fit_says_so() -> None:
    """The platform's own reason is passed on."""
    _, findings = planned([showing("crm", PART, name="address"), record("news")])

    assert findings == [Finding(FindingKind.CANNOT, "news", 2, "address", "street missing")]
