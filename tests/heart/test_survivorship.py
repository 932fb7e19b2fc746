"""Survivorship: which value a person has, as a pure fold over claims and decisions."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from mapping.claims import Claim, Pair, Record
from mapping.decisions import Decision, DecisionKind, Policies, Policy, Reference
from mapping.leads import lead
from mapping.model import RecordState, Value
from mapping.survivorship import ALWAYS, Choice, Conflict, Person, Rule, fold
from tests.heart.build import added, clear, cut, edit, first, keep, record, removed, rules, showing, was_cut

ULM, BONN, KIEL, FULL = "Ulm", "Bonn", "Kiel", "Adelheid von Winter"
TRUST = rules(fields={"city": Policy(trust=("news", "crm"))})
CLEAR = rules(fields={"city": Policy(clear=True)})
RANKED = rules(ranks={"news": 0, "crm": 1})


def crm(value: Value, claim: Claim | None = None, **more: Any) -> Record:
    return showing("crm", value, claim, **more)


def news(value: Value, claim: Claim | None = None, **more: Any) -> Record:
    return showing("news", value, claim, **more)


def shop(value: Value, claim: Claim | None = None, **more: Any) -> Record:
    return showing("shop", value, claim, **more)


def away(one: Record, state: RecordState = RecordState.GONE) -> Record:
    return replace(one, state=state)


def said(value: Value, rule: Rule, where: int, at: int = 100, since: int = 0, seen: int = 1) -> Choice:
    return Choice(value, at, since, rule, Reference(where, "city", seen))


def conflict(*values: tuple[int, Value]) -> Conflict:
    return Conflict("city", values)


@pytest.mark.parametrize(
    ("records", "decisions", "policies", "expected"),
    [
        pytest.param([crm(None)], [], rules(), None, id="nothing-anywhere"),
        pytest.param([crm(ULM)], [], rules(), said(ULM, Rule.ONLY, 1), id="only-one"),
        pytest.param([crm(ULM), news(None)], [], rules(), said(ULM, Rule.ONLY, 1), id="one-and-a-blank"),
        pytest.param(
            [crm(ULM), news(ULM, pair=Pair(ULM, ULM))], [], rules(), said(ULM, Rule.ONLY, 1), id="an-echo-is-no-voice"
        ),
        pytest.param(
            [crm(None), news(ULM, pair=Pair(ULM, ULM))], [], rules(), None, id="what-we-filled-outlives-nobody"
        ),
        pytest.param([crm(ULM), news(ULM)], [], rules(), said(ULM, Rule.NEWEST, 2), id="they-agree"),
        pytest.param(
            [crm(ULM, first_at=200), news("  ulm ")],
            [],
            rules(),
            said(ULM, Rule.NEWEST, 1, 200),
            id="they-agree-in-other-words",
        ),
        pytest.param([crm(ULM), news(BONN)], [], rules(), conflict((2, BONN), (1, ULM)), id="they-met-and-differ"),
        pytest.param(
            [crm(ULM, first_at=200), news(BONN), shop(ULM)],
            [],
            rules(),
            conflict((1, ULM), (3, ULM), (2, BONN)),
            id="two-against-one-is-no-majority",
        ),
        pytest.param(
            [crm(ULM, edit(ULM)), news(BONN)],
            [],
            rules(),
            said(ULM, Rule.NEWEST, 1, 200, 2, 2),
            id="an-edit-beats-first",
        ),
        pytest.param(
            [crm(ULM, edit(ULM)), news(BONN, first_at=900)],
            [],
            rules(),
            said(ULM, Rule.NEWEST, 1, 200, 2, 2),
            id="a-first-sight-is-never-newer-than-an-edit",
        ),
        pytest.param([crm(ULM, edit(ULM))], [], rules(), said(ULM, Rule.ONLY, 1, 200, 2, 2), id="edited-alone"),
        pytest.param(
            [crm(ULM, edit(ULM)), news(BONN, edit(BONN, 300, 3))],
            [],
            rules(),
            said(BONN, Rule.NEWEST, 2, 300, 3, 3),
            id="the-newest-edit",
        ),
        pytest.param(
            [crm(ULM, edit(ULM), joined=2), news(BONN)],
            [],
            rules(),
            conflict((1, ULM), (2, BONN)),
            id="an-edit-before-they-met-is-no-edit",
        ),
        pytest.param(
            [crm(None, clear(ULM)), news(BONN)], [], rules(), said(BONN, Rule.ONLY, 2), id="a-clear-is-not-spread"
        ),
        pytest.param(
            [crm(None, clear(ULM)), news(BONN)],
            [],
            CLEAR,
            said(None, Rule.NEWEST, 1, 200, 2, 2),
            id="a-clear-that-spreads",
        ),
        pytest.param(
            [crm(None, clear(ULM)), news(BONN, edit(BONN, 300, 3))],
            [],
            CLEAR,
            said(BONN, Rule.NEWEST, 2, 300, 3, 3),
            id="an-edit-after-a-clear-that-spreads",
        ),
        pytest.param([crm(None, clear(ULM))], [], rules(), None, id="cleared-and-nobody-else"),
        pytest.param(
            [crm("Adelhx", cut("Adelhx", "Adelhe"), pair=was_cut(FULL, "Adelhe")), news(FULL)],
            [],
            rules(),
            said(FULL, Rule.ONLY, 2),
            id="an-edit-of-a-cut-form-replaces-nothing",
        ),
    ],
)
def test_newest(
    records: list[Record], decisions: list[Decision], policies: Policies, expected: Choice | Conflict | None
) -> None:
    """The newest edit wins; without one only agreement does; else it is a conflict for a person."""
    assert found(records, decisions, policies) == expected


@pytest.mark.parametrize(
    ("records", "policies", "expected"),
    [
        pytest.param([crm(ULM), news(BONN)], TRUST, said(BONN, Rule.TRUST, 2, since=ALWAYS), id="the-trusted-one"),
        pytest.param(
            [crm(ULM, edit(ULM, 900, 9)), news(BONN)],
            TRUST,
            said(BONN, Rule.TRUST, 2, since=ALWAYS),
            id="an-edit-elsewhere-loses",
        ),
        pytest.param([crm(ULM), shop(KIEL)], TRUST, said(ULM, Rule.TRUST, 1, since=ALWAYS), id="the-next-in-trust"),
        pytest.param([shop(KIEL)], TRUST, said(KIEL, Rule.ONLY, 3), id="nobody-trusted-says-anything"),
        pytest.param(
            [news(BONN), news(KIEL, edit(KIEL), id=4, remote_id="news-2")],
            TRUST,
            said(KIEL, Rule.TRUST, 4, 200, ALWAYS, 2),
            id="the-latest-of-two-trusted",
        ),
        pytest.param(
            [news(BONN), news(KIEL, id=4, remote_id="news-2")],
            TRUST,
            said(KIEL, Rule.TRUST, 4, since=ALWAYS),
            id="equal-times-by-remote-id",
        ),
        pytest.param(
            [crm(ULM), news(BONN, pair=Pair(BONN, BONN))],
            TRUST,
            said(ULM, Rule.TRUST, 1, since=ALWAYS),
            id="an-echo-at-the-trusted-one-is-no-voice",
        ),
    ],
)
def test_trust(records: list[Record], policies: Policies, expected: Choice) -> None:
    """Under a trust order a field belongs to the most trusted side that says anything, edits elsewhere or not."""
    assert found(records, [], policies) == expected


KEPT = said(BONN, Rule.KEPT, 2, 500, 6)


@pytest.mark.parametrize(
    ("records", "decisions", "policies", "expected"),
    [
        pytest.param([crm(ULM), news(BONN)], [keep(BONN, at_record=2)], rules(), KEPT, id="settles-a-conflict"),
        pytest.param([crm(ULM), news(BONN)], [keep(ULM)], TRUST, said(ULM, Rule.KEPT, 1, 500, 6), id="beats-trust"),
        pytest.param(
            [crm(ULM, edit(ULM, 900)), news(BONN)], [keep(BONN, at_record=2)], rules(), KEPT, id="beats-an-older-edit"
        ),
        pytest.param(
            [crm(ULM, edit(ULM, 900, 5)), news(BONN)],
            [keep(BONN, at_record=2)],
            rules(),
            KEPT,
            id="beats-an-edit-of-the-same-run",
        ),
        pytest.param(
            [crm(ULM, edit(ULM, 600, 6)), news(BONN)],
            [keep(BONN, at_record=2)],
            rules(),
            said(ULM, Rule.NEWEST, 1, 600, 6, 6),
            id="a-later-edit-is-a-persons-word-too",
        ),
        pytest.param(
            [crm(ULM, first=7, joined=7, first_at=900), news(BONN)],
            [keep(BONN, at_record=2)],
            rules(),
            KEPT,
            id="a-record-found-later-overrules-nobody",
        ),
        pytest.param(
            [crm(ULM), news(BONN)],
            [keep(BONN, at_record=2), keep(ULM, revision=7)],
            rules(),
            said(ULM, Rule.KEPT, 1, 500, 8),
            id="the-last-word-counts",
        ),
        pytest.param(
            [crm(ULM), news(BONN)],
            [keep(BONN, at_record=2, number=2), keep(ULM, number=1)],
            rules(),
            KEPT,
            id="the-last-word-of-one-run-counts",
        ),
        pytest.param(
            [crm(ULM), news(BONN)],
            [keep(BONN, at_record=2, name="phone")],
            rules(),
            conflict((2, BONN), (1, ULM)),
            id="of-another-field-is-no-word",
        ),
        pytest.param(
            [crm(ULM), news(BONN)],
            [keep(BONN, at_record=3)],
            rules(),
            conflict((2, BONN), (1, ULM)),
            id="of-another-person-is-no-word",
        ),
        pytest.param(
            [crm(ULM), news(BONN, pair=Pair(BONN, BONN))],
            [keep(BONN, at_record=2)],
            rules(),
            said(BONN, Rule.KEPT, 2, 500, 6, 5),
            id="of-a-value-that-nobody-claimed",
        ),
        pytest.param([crm(None)], [keep(ULM)], rules(), None, id="of-a-value-that-is-nowhere-any-more"),
    ],
)
def test_kept(
    records: list[Record], decisions: list[Decision], policies: Policies, expected: Choice | Conflict | None
) -> None:
    """What a person kept is the value, over every rule, until somebody edits it after that."""
    assert found(records, decisions, policies) == expected


@pytest.mark.parametrize("state", [RecordState.GONE, RecordState.ARCHIVED, RecordState.MERGED])
@pytest.mark.parametrize(
    ("live", "detached", "expected"),
    [
        pytest.param(crm(ULM), news(BONN, edit(BONN)), said(ULM, Rule.ONLY, 1), id="a-live-one-goes-first"),
        pytest.param(
            crm(BONN, pair=Pair(BONN, BONN)),
            news(BONN, edit(BONN)),
            said(BONN, Rule.ONLY, 2, 200, 2, 2),
            id="it-counts-where-no-other-has-a-claim",
        ),
        pytest.param(crm(None), news(BONN), said(BONN, Rule.ONLY, 2), id="it-counts-where-the-other-is-blank"),
    ],
)
def test_a_record_that_is_away_has_the_lowest_trust(
    live: Record, detached: Record, expected: Choice, state: RecordState
) -> None:
    """A record that was detached keeps its claims, and they count where nobody else has any."""
    assert found([live, away(detached, state)], [], rules()) == expected


@pytest.mark.parametrize(
    ("one", "two", "policies", "expected"),
    [
        pytest.param(crm(ULM, edit(ULM, 300)), news(BONN, edit(BONN)), rules(), ULM, id="time"),
        pytest.param(crm(ULM, edit(ULM)), news(BONN, edit(BONN)), RANKED, BONN, id="then-trust"),
        pytest.param(crm(ULM, edit(ULM)), news(BONN, edit(BONN)), rules(), BONN, id="then-platform"),
        pytest.param(
            crm(ULM, edit(ULM)), crm(BONN, edit(BONN), id=4, remote_id="crm-2"), rules(), BONN, id="then-remote-id"
        ),
    ],
)
def test_the_order_is_total(one: Record, two: Record, policies: Policies, expected: str) -> None:
    """Edits of one moment have one winner, whichever was stored first."""
    chosen = [fold(order, [], policies).choices["city"].value for order in ([one, two], [two, one])]

    assert chosen == [expected, expected]


@pytest.mark.parametrize(
    ("left", "right", "agree"),
    [
        pytest.param("030 123456", "+49 30 123456", True, id="one-number-written-twice"),
        pytest.param("030 123456", "+43 30 123456", False, id="another-country"),
        pytest.param("call me", "call me!", False, id="what-is-no-number-equals-only-itself"),
    ],
)
def test_agreement_is_by_kind_of_value(left: str, right: str, agree: bool) -> None:
    """Values that mean the same are no conflict."""
    person = fold([showing("crm", left, name="phone"), showing("news", right, name="phone")], [], rules())

    assert (list(person.choices), list(person.conflicts)) == ((["phone"], []) if agree else ([], ["phone"]))


def test_each_field_is_folded_by_itself() -> None:
    """All fields that anybody shows or ever claimed, and addresses in none."""
    one = record("crm", {"email": "ada@example.org", "city": ULM, "phone": "1"}, claims={"nick": clear("Addi")})
    two = record("news", {"city": ULM, "phone": "2", "tags": ["a"]}, claims=added("b"))

    person = fold([one, two], [], rules())

    assert (sorted(person.choices), sorted(person.conflicts)) == (["city", "tags"], ["phone"])
    assert fold([], [], rules()) == Person({}, {})


def test_fields_without_a_kind_are_texts() -> None:
    """A field that nobody described is compared as text."""
    assert fold([crm(ULM), news("ULM")], [], Policies()).conflicts == {}


@pytest.mark.parametrize(
    ("records", "members", "since"),
    [
        pytest.param([["a"], None, {}, {}], ["a"], 0, id="one-side"),
        pytest.param([["a"], ["b"], {}, {}], ["a", "b"], 0, id="first-meeting-is-a-union"),
        pytest.param([["a", "c"], ["b"], added("c"), {}], ["a", "b", "c"], 2, id="added"),
        pytest.param([["a"], ["a", "b"], removed("b"), {}], ["a"], 2, id="removed-here-stands-there"),
        pytest.param([["a"], ["b"], removed("b"), added("b", at=300, seen=3)], ["a", "b"], 3, id="added-again-later"),
        pytest.param([["a"], ["b"], removed("b", at=300, seen=3), added("b")], ["a"], 3, id="removed-later"),
        pytest.param([["a"], ["b"], removed("b"), added("b")], ["a", "b"], 2, id="at-one-moment-it-stays"),
        pytest.param([["a"], None, {**added("b"), **removed("a")}, {}], ["b"], 2, id="one-for-another"),
        pytest.param([["a"], None, removed("a"), {}], [], 2, id="the-last-one-removed"),
        pytest.param([None, None, added("x"), {}], ["x"], 2, id="only-by-claims"),
    ],
)
def test_sets_are_united_member_by_member(
    records: tuple[Value, Value, dict[str, Claim], dict[str, Claim]], members: list[str], since: int
) -> None:
    """All that anybody has, less what somebody removed after it was last added; in any order of records."""
    left, right, by_left, by_right = records
    one = showing("crm", left, name="tags")
    two = showing("news", right, name="tags")
    one.claims.update(({} if left is None else {"tags": first(left)}) | by_left)
    two.claims.update(({} if right is None else {"tags": first(right)}) | by_right)

    for order in permutations([one, two]):
        choice = fold(order, [], rules()).choices["tags"]

        assert (choice.value, choice.since, choice.rule) == (members, since, Rule.UNION)


def test_a_set_that_only_we_filled_is_nobodys() -> None:
    """Members that we sent are no claim, as with any value."""
    one = showing("crm", ["a"], name="tags", pair=Pair(["a"], ["a"]))

    assert fold([one], [], rules()) == Person({}, {})


def test_a_set_that_only_a_record_shows_that_is_away() -> None:
    """Members that came from a detached record stand, where nobody else has any."""
    one = showing("crm", ["a"], name="tags", pair=Pair(["a"], ["a"]))
    other = away(showing("news", ["a"], name="tags"))

    assert fold([one, other], [], rules()).choices["tags"].value == ["a"]


def test_why_a_set_is_as_it_is() -> None:
    """A set names the first record that has anything to say, and when a member last came or went."""
    one, two = showing("crm", ["a"], name="tags"), record("news", claims=added("b", at=300, seen=4))

    assert fold([one, two], [], rules()).choices["tags"] == Choice(
        ["a", "b"], 300, 4, Rule.UNION, Reference(1, "tags", 1)
    )
    assert fold([two], [], rules()).choices["tags"].source == Reference(2, "tags", 4)


LED = Decision(DecisionKind.LEAD, 1, 500, 5)


@pytest.mark.parametrize(
    ("records", "decisions", "expected"),
    [
        pytest.param([], [], {}, id="nobody"),
        pytest.param([record(id=1), record("news", id=2)], [], {"crm": 1, "news": 2}, id="one-each"),
        pytest.param([record(id=1, created=10), record(id=4, created=20)], [], {"crm": 1}, id="the-oldest"),
        pytest.param(
            [record(id=1, created=10), record(id=4, created=20, engagement=1.5)], [], {"crm": 4}, id="the-most-engaged"
        ),
        pytest.param([record(id=1), record(id=4, engagement=1.5)], [LED], {"crm": 1}, id="a-human-choice"),
        pytest.param(
            [record(id=1, engagement=9.0), record(id=4)],
            [replace(LED, id=1), replace(LED, record=4, id=2)],
            {"crm": 4},
            id="the-last-of-two-human-choices",
        ),
        pytest.param(
            [record(id=1), record(id=4, engagement=9.0)],
            [replace(LED, revision=6), replace(LED, record=4, id=2)],
            {"crm": 1},
            id="the-choice-of-the-later-run-in-whatever-order",
        ),
        pytest.param(
            [record(id=1, remote_id="1"), record(id=4, remote_id="4")], [], {"crm": 4}, id="equal-in-all-by-remote-id"
        ),
        pytest.param(
            [record(id=1, state=RecordState.GONE), record(id=4)], [LED], {"crm": 4}, id="who-is-away-leads-not"
        ),
        pytest.param(
            [record(id=1), record(id=4, engagement=1.5)],
            [replace(LED, kind=DecisionKind.KEEP)],
            {"crm": 4},
            id="another-decision-is-no-choice",
        ),
    ],
)
def test_the_lead_of_each_connection(
    records: list[Record], decisions: list[Decision], expected: dict[str, int]
) -> None:
    """One record per connection receives a person's values: a human choice, the most engaged, the oldest."""
    for order in permutations(records):
        assert {name: one.id for name, one in lead(order, decisions).items()} == expected


def found(records: list[Record], decisions: list[Decision], policies: Policies) -> Choice | Conflict | None:
    """What the fold says of the city; the same for every order of the records."""
    people = [fold(order, decisions, policies) for order in permutations(records)]

    assert all(person == people[0] for person in people)
    return people[0].choices.get("city") or people[0].conflicts.get("city")
