"""What somebody is to the business: a word counts before a field and a field before a rule, and dates keep history."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mapping.claims import Record
from mapping.decisions import Decision, DecisionKind
from mapping.roles import Change, Source, Spell, Word, past, standing, timeline, words

HORIZON = 24
FIELD, RULE, DECISION = Source.FIELD, Source.RULE, Source.DECISION


def spell(role: str, since: int, until: int | None, source: Source = FIELD, stage: str = "", origin: str = "") -> Spell:
    return Spell(role, stage, since, until, source, origin)


def at(spells: Sequence[Spell], role: str, time: int) -> Spell | None:
    """The spell of a role at a moment; None where they are no such thing."""
    found = [
        one for one in spells if one.role == role and one.since <= time and (one.until is None or time < one.until)
    ]
    assert len(found) <= 1, "spells of one role overlap"
    return found[0] if found else None


def source(spells: Sequence[Spell], role: str, time: int) -> Source | None:
    found = at(spells, role, time)
    return None if found is None else found.source


times = st.integers(0, HORIZON)
roles = st.sampled_from(["customer", "supplier"])


@st.composite
def spans(draw: st.DrawFn, source: Source) -> Spell:
    since = draw(times)
    until = draw(st.one_of(st.none(), st.integers(since + 1, HORIZON + 1)))
    origin = draw(st.sampled_from(["one", "other"])) if source is FIELD else ""
    return spell(draw(roles), since, until, source, draw(st.sampled_from(["", "retention"])), origin)


@st.composite
def said(draw: st.DrawFn) -> list[Word]:
    """Words in the order in which they were said."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        role, kind = draw(roles), draw(st.sampled_from(["begins", "ends", "both", "off"]))
        first = draw(times)
        found.append(
            Word(
                role,
                100 + number,
                draw(st.sampled_from(["", "advocacy"])),
                first if kind in ("begins", "both") else None,
                {"ends": first, "both": draw(st.integers(first + 1, HORIZON + 1))}.get(kind),
                kind == "off",
                number,
            )
        )
    return found


@given(st.lists(spans(FIELD), max_size=4), st.lists(spans(RULE), max_size=4), said())
def test_a_word_counts_before_a_field_and_a_field_before_a_rule(
    fields: list[Spell], rules: list[Spell], spoken: list[Word]
) -> None:
    """
    At each moment the role is as the last date says that a word named; before any such date, and where a bounded
    spell is over, as a field says, and else as a rule does.
    """
    found = timeline(fields, rules, spoken)

    for role in ("customer", "supplier"):
        for time in range(HORIZON + 2):
            assert source(found, role, time) == expected(fields, rules, spoken, role, time), (role, time, found)


def expected(
    fields: Sequence[Spell], rules: Sequence[Spell], spoken: Sequence[Word], role: str, time: int
) -> Source | None:
    """The same, told moment by moment."""
    rest = standing(spoken, role)
    state, since = "nothing", 0
    last: Word | None = None
    for now in range(time + 1):
        for word in rest:
            if word.begins is not None and word.ends == now and last is word and state == "on":
                state, since = "over", now
            if word.begins is None and word.ends == now:
                state, since, last = "off", now, word
            if word.begins == now:
                state, since, last = "on", now, word
    if state == "on":
        return DECISION
    if state == "off":
        return None
    for source_, evidence in ((FIELD, fields), (RULE, rules)):
        for one in evidence:
            covers = one.role == role and one.since <= time and (one.until is None or time < one.until)
            if not covers:
                continue
            if state == "over" and first_of(fields, rules, role, time) < since:
                return None
            return source_
    return None


def first_of(fields: Sequence[Spell], rules: Sequence[Spell], role: str, time: int) -> int:
    """When the spell began that counts at this moment, of fields in their order and then of rules."""
    for one in (*fields, *sorted(rules, key=lambda rule: rule.since)):
        if one.role == role and one.since <= time and (one.until is None or time < one.until):
            return one.since
    raise AssertionError("nothing counts")


@given(st.lists(spans(FIELD), max_size=4), st.lists(spans(RULE), max_size=4), said())
def test_spells_never_overlap_are_never_empty_and_never_repeat_each_other(
    fields: list[Spell], rules: list[Spell], spoken: list[Word]
) -> None:
    """
    Each spell ends after it began, and two that follow each other and say the same are one.
    """
    found = timeline(fields, rules, spoken)

    assert all(one.until is None or one.since < one.until for one in found)
    for role in ("customer", "supplier"):
        ordered = [one for one in found if one.role == role]
        for before, after in pairwise(ordered):
            assert before.until is not None
            assert before.until <= after.since
            assert (before.until, before._replace(since=0, until=None)) != (
                after.since,
                after._replace(since=0, until=None),
            )


@given(st.lists(st.integers(1, HORIZON), min_size=2, max_size=6, unique=True), said())
def test_ending_and_beginning_again_keeps_what_was_before(dates: list[int], earlier: list[Word]) -> None:
    """
    Said in the order of time, each word leaves everything before its date as it was.
    """
    dates.sort()
    spoken = [word for word in earlier if not word.off and (word.begins or 0) < dates[0]]
    spoken = [word for word in spoken if word.begins is not None and word.ends is None]
    for number, date in enumerate(dates):
        before = timeline([], [], spoken)
        begins, ends = (date, None) if number % 2 == 0 else (None, date)
        spoken = [*spoken, Word("customer", 200 + number, begins=begins, ends=ends, id=50 + number)]
        after = timeline([], [], spoken)

        for role in ("customer", "supplier"):
            assert [source(after, role, time) for time in range(date)] == [
                source(before, role, time) for time in range(date)
            ]
        assert (at(after, "customer", date) is None) == (number % 2 == 1)


def test_taking_back_leaves_what_platforms_and_rules_say() -> None:
    """
    `off` takes back all that was said of the role before it, and nothing of another role.
    """
    fields, rules = [spell("customer", 3, None)], [spell("supplier", 5, 9, RULE)]
    spoken = [
        Word("customer", 10, ends=8, id=1),
        Word("supplier", 11, begins=2, id=2),
        Word("customer", 12, off=True, id=3),
    ]

    assert timeline(fields, rules, spoken[:1]) == [spell("customer", 3, 8), spell("supplier", 5, 9, RULE)]
    assert timeline(fields, rules, spoken) == [spell("supplier", 2, None, DECISION), spell("customer", 3, None)]


def test_an_ended_role_stays_ended_whatever_platforms_and_rules_find_later() -> None:
    """
    No rule and no field overrules the word of a person; a spell that a person bounded says nothing of later ones.
    """
    fields, rules = [spell("customer", 12, None)], [spell("customer", 2, 10, RULE)]
    ended = timeline(fields, rules, [Word("customer", 20, ends=8)])
    bounded = timeline(fields, rules, [Word("customer", 20, begins=4, ends=8)])

    assert ended == [spell("customer", 2, 8, RULE)]
    assert bounded == [spell("customer", 2, 4, RULE), spell("customer", 4, 8, DECISION), spell("customer", 12, None)]


def test_a_word_without_a_stage_takes_the_stage_that_is_known() -> None:
    """
    Saying that somebody is a customer takes nothing away from what the platform knows of the stage and the owner.
    """
    field = Spell("customer", "retention", 4, None, FIELD, "hubspot", "Mira")
    said_so = timeline([field], [], [Word("customer", 9, begins=2)])
    with_stage = timeline([field], [], [Word("customer", 9, "advocacy", begins=6)])

    assert said_so == [Spell("customer", "retention", 2, None, DECISION, "", "Mira")]
    assert with_stage == [field._replace(until=6), Spell("customer", "advocacy", 6, None, DECISION, "", "Mira")]


def test_changes_at_a_record_are_its_past() -> None:
    """
    What it shows now is left to the fold; what it showed before has both dates.
    """
    changes = [
        Change(10, "role", "prospect", "customer"),
        Change(10, "stage", "consideration", "onboarding"),
        Change(20, "stage", "onboarding", None),
        Change(30, "stage", None, "retention"),
    ]
    shows = {"role": "customer", "stage": "retention", "phone": "1"}

    assert past("hubspot", 5, shows, changes) == [
        spell("customer", 20, 30, origin="hubspot"),
        spell("customer", 10, 20, stage="onboarding", origin="hubspot"),
        spell("prospect", 5, 10, stage="consideration", origin="hubspot"),
    ]
    assert past("hubspot", 5, shows, []) == []


def test_a_role_that_was_blank_at_first_leaves_no_past() -> None:
    """
    A blank is nothing, and a change that is seen before the record's own first time has no length.
    """
    assert past("hubspot", 5, {"role": "customer"}, [Change(9, "role", None, "customer")]) == []
    assert past("hubspot", 9, {"role": "customer"}, [Change(4, "role", "prospect", "customer")]) == []


def test_words_are_decisions_and_come_in_the_order_in_which_they_were_said() -> None:
    """
    What is written down of a word is all that is read of it; other decisions are none.
    """
    second = Word("supplier", 7, "retention", 3, 5, id=1)
    first = Word("supplier", 6, off=True, id=2)
    decisions = [
        Decision(DecisionKind.ROLE, 4, word.at, 0, "role", word.value(), id=word.id) for word in (second, first)
    ]
    record = Record(4, "hubspot", "4", {})

    assert words([*decisions, Decision(DecisionKind.LEAD, record.id, 1, 0)]) == [first, second]
