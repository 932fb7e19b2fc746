"""The short way for people of one untouched record says what the fold and the plan say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.claims import Record
from mapping.decisions import Decision, DecisionKind, Policy
from mapping.model import Direction, RecordState
from mapping.survivorship import fold
from sync.people import plain_values
from sync.plan import plan_person
from sync.writes import Case
from tests.heart.build import ADA, bounced, clear, edit, granted, left, record, rules, target

_TEXT = st.sampled_from(("Ulm", "ulm ", "", "0731 1234", "Ada"))
_KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "email": st.just(ADA),
        "city": _TEXT,
        "nick": _TEXT,
        "phone": _TEXT,
        "stage": _TEXT,
        "address": st.just({"street": "Lange Gasse 1"}),
        "tags": st.lists(st.sampled_from("cab"), max_size=4),
        "empty": st.none(),
    },
)


@given(_KNOWN, st.sampled_from(list(Direction)), st.sampled_from((None, True, False)), st.booleans())
def test_the_short_way_ends_where_the_long_one_does(
    known: dict[str, object], direction: Direction, subscribed: bool | None, trusting: bool
) -> None:
    """Equal values in equal order, and neither plans nor lists anything."""
    one = record("news", known, subscribed=subscribed, addresses=(ADA,))
    case = Case("p_ada", [one], (), [granted(), bounced()])
    policies = rules(fields={"city": Policy(trust=("crm", "news"))}) if trusting else rules()
    person = fold(case.records, (), policies)
    there = {"news": target(direction=direction), "crm": target("crm", direction=direction)}

    values = plain_values(case, policies)

    assert values is not None
    chosen = {name: choice.value for name, choice in person.choices.items() if choice.value is not None}
    assert list(values.items()) == list(chosen.items())
    assert plan_person(case, person, there, policies) == ([], [])


_ONE = record("news", {"city": "Ulm"}, addresses=(ADA,), subscribed=True)


@pytest.mark.parametrize(
    ("records", "more"),
    [
        ([_ONE, record("crm", {"city": "Bonn"})], {}),
        ([replace(_ONE, claims={"city": edit("Ulm")})], {}),
        ([replace(_ONE, claims={"nick": clear("x")})], {}),
        ([replace(_ONE, refused={"create at crm": "invalid"})], {}),
        ([replace(_ONE, state=RecordState.GONE)], {}),
        ([_ONE], {"consent": [left()]}),
        ([_ONE], {"decisions": [Decision(DecisionKind.LEAVE_ALONE, 2, 1, 1)]}),
    ],
)
def test_whoever_has_more_to_them_goes_the_long_way(records: list[Record], more: dict[str, list[object]]) -> None:
    """Anything that the plan or the fold would look at rules the short way out."""
    case = Case("p_ada", records, **more)  # type: ignore[arg-type]

    assert plain_values(case, rules()) is None


def test_whoever_may_be_created_elsewhere_goes_the_long_way() -> None:
    """A connection that makes records concerns everybody who has none there."""
    case = Case("p_ada", [_ONE])

    assert plain_values(case, rules(), ["crm"]) is None
    assert plain_values(case, rules(), ["news"]) is not None
