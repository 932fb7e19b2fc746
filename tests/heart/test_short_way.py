"""The short way for people of untouched records says what the fold and the plan say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.claims import OPT_OUT, Record, creating
from mapping.consent import Fact
from mapping.decisions import Decision, DecisionKind, Policies, Policy
from mapping.meeting import Meetings
from mapping.model import BADGE, Direction, RecordState
from mapping.survivorship import fold
from sync.badges import plan_badges
from sync.people import nothing_to_plan
from sync.plan import plan_person
from sync.writes import Case, Target
from tests.heart.build import ADA, bounced, clear, edit, granted, left, record, rules, showing, target

VIP = f"{BADGE}VIP"
_TEXT = st.sampled_from(("Ulm", "ulm ", "", "0731 1234", "+49 731 1234", "Ada"))
_KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "email": st.just(ADA),
        "city": _TEXT,
        "nick": st.sampled_from(("Ada", "Adalbertine", "adalbe")),
        "phone": _TEXT,
        "stage": _TEXT,
        "role": _TEXT,
        "address": st.sampled_from(({"street": "Lange Gasse 1"}, {"street": "lange gasse 1"}, {"city": "Ulm"})),
        "tags": st.lists(st.sampled_from(("c", "a", "b", VIP)), max_size=4),
        "empty": st.none(),
    },
)
_REFUSED = st.sampled_from(({}, {}, {creating("crm"): "invalid"}, {OPT_OUT: "no"}, {"city": "Ulm"}))
_POLICIES = st.sampled_from(
    (
        rules(),
        rules(ranks={"crm": 2, "news": 1}),
        rules(fields={"city": Policy(trust=("shop", "crm")), "phone": Policy(clear=True)}),
    )
)
_LEDGERS = st.sampled_from(((), (), (granted(), bounced()), (left(),)))


@st.composite
def _untouched(draw: st.DrawFn, most: int) -> list[Record]:
    """Records of one person as they were found, in the order in which the store gives them."""
    found = []
    for number in range(draw(st.integers(1, most))):
        connection = draw(st.sampled_from(("crm", "news", "shop")))
        one = record(connection, draw(_KNOWN), subscribed=draw(st.sampled_from((None, True, False))), addresses=(ADA,))
        at, seen = draw(st.sampled_from((50, 100))), draw(st.sampled_from((1, 2)))
        met = {"id": 10 + number, "remote_id": f"{connection}-{number}", "first_at": at, "first": seen, "joined": seen}
        found.append(replace(one, refused=draw(_REFUSED), **met))  # type: ignore[arg-type]
    return sorted(found, key=lambda one: (one.connection, one.remote_id))


def _targets(direction: Direction) -> dict[str, Target]:
    tagging = replace(target("news", direction), tags={"vip": VIP})
    return {"crm": target("crm", direction), "news": tagging, "shop": target("shop")}


def _short(policies: Policies, targets: dict[str, Target]) -> Meetings:
    return Meetings(policies, {name: [row.name for row in one.writable] for name, one in targets.items()})


@given(_untouched(3), st.sampled_from(list(Direction)), _POLICIES, _LEDGERS)
def test_the_short_way_ends_where_the_long_one_does(
    records: Sequence[Record], direction: Direction, policies: Policies, ledger: Sequence[Fact]
) -> None:
    """Equal values in equal order, equal conflicts, each choice that is made is the fold's, and one plan follows."""
    case, targets = Case("p_ada", records, (), ledger), _targets(direction)
    person = fold(records, (), policies)

    met = _short(policies, targets).meet(records, ())

    assert met is not None
    chosen = {name: choice.value for name, choice in person.choices.items() if choice.value is not None}
    assert list(met.values.items()) == list(chosen.items())
    assert list(met.person.conflicts.items()) == list(person.conflicts.items())
    assert all(choice == person.choices[name] for name, choice in met.person.choices.items())
    assert plan_person(case, met.person, targets, policies) == plan_person(case, person, targets, policies)


@given(_untouched(3), _POLICIES)
def test_the_short_way_knows_since_when_somebody_is_what_they_are(
    records: Sequence[Record], policies: Policies
) -> None:
    """The stage dates it, and the role where nobody tells a stage."""
    person = fold(records, (), policies)
    told = person.choices.get("stage") or person.choices.get("role")

    met = Meetings(policies).meet(records, ())

    assert met is not None
    assert told is None or met.since == told.at


@given(_untouched(1), st.sampled_from(list(Direction)), _POLICIES, _LEDGERS)
def test_where_there_is_nothing_to_plan_the_plan_says_nothing(
    records: Sequence[Record], direction: Direction, policies: Policies, ledger: Sequence[Fact]
) -> None:
    """Neither a write nor a finding comes of it, and no badge either."""
    case, targets = Case("p_ada", records, (), ledger), _targets(direction)
    person = fold(records, (), policies)

    quiet = nothing_to_plan(case)

    if quiet:
        assert plan_person(case, person, targets, policies) == ([], [])
        assert plan_badges(case, targets, []) == ([], [])


_ONE = record("news", {"city": "Ulm"}, addresses=(ADA,), subscribed=True)


@pytest.mark.parametrize(
    ("touched", "decisions"),
    [
        (replace(_ONE, claims={"city": edit("Ulm")}), ()),
        (replace(_ONE, claims={"nick": clear("x")}), ()),
        (showing("news", "Ulm", pair=("Ulm", "Ulm")), ()),
        (replace(_ONE, state=RecordState.GONE), ()),
        (_ONE, [Decision(DecisionKind.LEAVE_ALONE, 2, 1, 1)]),
    ],
)
def test_whoever_was_touched_goes_the_long_way(touched: Record, decisions: Sequence[Decision]) -> None:
    """Any edit, any write of ours, any absence and any word of a person rules the short way out, also beside a record
    that nobody touched."""
    other = record("crm", {"city": "Ulm"})

    short = Meetings(rules())

    assert short.meet([touched], decisions) is None
    assert short.meet([other, touched], decisions) is None
    assert short.meet([other, _ONE], ()) is not None


@pytest.mark.parametrize(
    "case",
    [
        Case("p_ada", [_ONE, record("crm", {"city": "Bonn"})]),
        Case("p_ada", [replace(_ONE, refused={creating("crm"): "invalid"})]),
        Case("p_ada", [replace(_ONE, known={"tags": ["a", VIP]})]),
        Case("p_ada", [_ONE], consent=[left()]),
        Case("p_ada", [_ONE], segments=frozenset({"vip"})),
    ],
)
def test_whoever_has_more_to_them_is_planned(case: Case) -> None:
    """A second record, a refusal, a badge, an opt-out or a segment: each may ask for a write."""
    assert nothing_to_plan(Case("p_ada", [_ONE], consent=[granted()]))
    assert not nothing_to_plan(case)
