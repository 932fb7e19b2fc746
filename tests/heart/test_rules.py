"""Rules as a table: what is written, who it is asked of, and what the answer is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mapping.consent import Fact, standing
from mapping.model import MARKETING, ConsentState
from mapping.rules import (
    DAY,
    All,
    Circle,
    InSegment,
    Moment,
    Related,
    Top,
    by_the_clock,
    by_the_day,
    conditions,
    link,
    text_of,
)
from mapping.rules_read import CONDITIONS, RuleError, read_rule
from mapping.rules_words import say
from regulars.config_segments import starters
from sync.segment import is_member
from sync.segment_subject import On, Relation, Sale, Score, Subject, Touching
from sync.segment_turns import next_turn
from sync.segment_why import changes, holds, reasons
from tests.docs.pages import ROOT, fences

NOW = 1_772_366_400_000 - 3_600_000  # Sunday, 2026-03-01 11:00 UTC
AT = Moment(NOW, ZoneInfo("Europe/Berlin"))


def ago(days: float) -> int:
    return NOW - int(days * DAY)


def touch(days: float, kind: str = "opened", channel: str = "email", way: str = "", by: str = "person") -> Touching:
    return Touching(ago(days), kind, channel, way, by)


def said(state: str, days: float, address: str = "a", purpose: str = MARKETING, explicit: bool = True) -> Fact:
    return Fact(address, purpose, ConsentState(state), ago(days), explicit)


def ask(rule: dict[str, Any], subject: Subject, at: Moment = AT, need: int | None = None) -> bool:
    read = read_rule(rule)
    return is_member(read, subject, at, {one: need for one in conditions(read) if isinstance(one, Top)})


TEXT = {"city": "Berlin", "tags": ["vip", "cake"], "loaves": 3, "vip": True, "born": "1990-03-04", "party": "02-28"}

FIELDS: tuple[tuple[dict[str, Any], bool], ...] = (
    ({"field": "city", "is": "berlin"}, True),
    ({"field": "city", "is": "Ulm"}, False),
    ({"field": "city", "is_not": "Ulm"}, True),
    ({"field": "nothing", "is_not": "Ulm"}, True),
    ({"field": "city", "in": ["Ulm", "BERLIN"]}, True),
    ({"field": "city", "not_in": ["Ulm", "BERLIN"]}, False),
    ({"field": "city", "contains": "ERL"}, True),
    ({"field": "city", "contains": "%"}, False),
    ({"field": "tags", "contains": "VIP"}, True),
    ({"field": "tags", "contains": "vi"}, False),
    ({"field": "nothing", "empty": True}, True),
    ({"field": "city", "empty": True}, False),
    ({"field": "city", "empty": False}, True),
    ({"field": "loaves", "is": 3}, True),
    ({"field": "loaves", "is": "3"}, False),
    ({"field": "loaves", "at_least": 3, "at_most": 3}, True),
    ({"field": "loaves", "at_least": 3.5}, False),
    ({"field": "city", "at_least": 0}, False),
    ({"field": "vip", "is": True}, True),
    ({"field": "vip", "is": 1}, False),
    ({"field": "born", "after": "1990-03-04"}, True),
    ({"field": "born", "before": "1990-03-04"}, False),
    ({"field": "born", "older_than": "1d"}, True),
    ({"field": "city", "before": "9999-01-01"}, False),
    ({"not": {"field": "city", "is": "Ulm"}}, True),
    ({"any": [{"field": "city", "is": "Ulm"}, {"field": "vip", "is": True}]}, True),
    ({"all": [{"field": "city", "is": "Ulm"}, {"field": "vip", "is": True}]}, False),
)


@pytest.mark.parametrize(("rule", "expected"), FIELDS, ids=str)
def test_a_field_is_asked(rule: dict[str, Any], expected: bool) -> None:
    """
    Values of every kind, and blanks; capital letters make no difference.
    """
    assert ask(rule, Subject("p", TEXT)) is expected


KNOWN = Subject(
    "p",
    relations=[Relation("customer", "retention", ago(400))],
    touches=[
        touch(10),
        touch(40),
        touch(5, by="machine"),
        touch(3, "wrote", way="in"),
        touch(20, "called", "phone", "out"),
    ],
    sales=[Sale(ago(30), 2_000, "EUR"), Sale(ago(400), 10_000, "EUR"), Sale(ago(1), 500, "USD")],
    scores=[Score(ago(30), "NPS", 9), Score(ago(300), "csat", 2)],
    lists=[On("Market Stall", "mailchimp")],
    organizations=[{"name": "Mill", "domain": "mill.example", "industry": "food", "employees": 50}],
)

FACTS: tuple[tuple[dict[str, Any], bool], ...] = (
    ({"role": "customer"}, True),
    ({"role": ["supplier", "partner"]}, False),
    ({"role": "customer", "stage": "retention"}, True),
    ({"stage": "lapsed"}, False),
    ({"stage": "retention", "older_than": "1y"}, True),
    ({"role": "customer", "within": "1y"}, False),
    ({"touched": "opened", "within": "10d"}, True),  # the one of a machine
    ({"touched": "opened", "by": "person", "within": "10d"}, False),  # at the edge it is out
    ({"touched": "opened", "by": "person", "within": "11d"}, True),
    ({"touched": "opened", "at_least": 3}, True),
    ({"touched": "opened", "at_least": 4}, False),
    ({"touched": "opened", "at_most": 2}, False),
    ({"touched": "clicked", "at_most": 0}, True),
    ({"touched": "clicked", "never": True}, True),
    ({"touched": "opened", "none_within": "5d"}, True),
    ({"touched": "opened", "none_within": "6d"}, False),
    ({"touched": "opened", "by": "person", "last_before": "9d"}, True),
    ({"touched": "opened", "by": "person", "last_before": "11d"}, False),
    ({"touched": "clicked", "last_before": "11d"}, False),
    ({"touched": "wrote", "first_within": "7d"}, True),
    ({"touched": "opened", "first_within": "7d"}, False),
    ({"touched": "spoken", "channel": "phone", "way": "out"}, True),
    ({"touched": "spoken", "channel": "phone", "way": "in"}, False),
    ({"touched": "anything", "after": "2026-02-26"}, True),
    ({"touched": "anything", "after": "2026-02-27"}, False),
    ({"touched": "engaged", "before": "2026-01-21"}, True),
    ({"touched": "engaged", "before": "2026-01-20"}, False),
    ({"unanswered": True, "within": "7d"}, True),
    ({"unanswered": True, "within": "2d"}, False),
    ({"unanswered": "called"}, False),
    ({"bought": True, "at_least": 3}, True),
    ({"bought": True, "currency": "EUR", "at_least": 3}, False),
    ({"bought": "count", "within": "90d", "at_most": 1}, False),
    ({"bought": "sum", "at_least": 120, "currency": "EUR"}, True),
    ({"bought": "sum", "at_least": 120.01, "currency": "EUR"}, False),
    ({"bought": "sum", "at_most": 20, "currency": "EUR", "within": "90d"}, True),
    ({"bought": "average", "at_least": 60, "currency": "EUR"}, True),
    ({"bought": "average", "at_most": 59, "currency": "EUR"}, False),
    ({"feedback": "nps", "score_at_least": 9}, True),
    ({"feedback": "nps", "score_at_most": 8}, False),
    ({"feedback": True, "within": "20d"}, False),
    ({"feedback": ["csat", "nps"], "at_least": 2}, True),
    ({"listed": "market stall"}, True),
    ({"listed": "market stall", "connection": "hubspot"}, False),
    ({"listed": ["x", "Market Stall"], "connection": "mailchimp"}, True),
    ({"works_at": "MILL.example"}, True),
    ({"works_at": "mill"}, True),
    ({"works_at": "baker"}, False),
    ({"organization": "industry", "in": ["food"]}, True),
    ({"organization": "employees", "at_least": 51}, False),
)


@pytest.mark.parametrize(("rule", "expected"), FACTS, ids=str)
def test_what_happened_is_asked(rule: dict[str, Any], expected: bool) -> None:
    """
    Roles, touchpoints, purchases, feedback, lists and organisations, at the edges of their windows.
    """
    assert ask(rule, KNOWN) is expected
    assert ask({"not": rule}, KNOWN) is not expected


CONSENT: tuple[tuple[list[Fact], str, bool], ...] = (
    ([], "unknown", True),
    ([said("granted", 5)], "granted", True),
    ([said("granted", 5, explicit=False)], "granted", False),
    ([said("granted", 5), said("withdrawn", 5)], "withdrawn", True),
    ([said("granted", 5), said("withdrawn", 6)], "granted", True),
    ([said("granted", 5), said("withdrawn", 4, "b")], "withdrawn", True),
    ([said("granted", 5), said("undeliverable", 1)], "undeliverable", True),
    ([said("granted", 5), said("undeliverable", 1, "b")], "granted", True),
    ([said("withdrawn", 5, purpose="news")], "withdrawn", False),
    ([said("withdrawn", 5, purpose="news")], "unknown", True),
)


@pytest.mark.parametrize(("facts", "state", "expected"), CONSENT, ids=str)
def test_consent_is_asked(facts: list[Fact], state: str, expected: bool) -> None:
    """
    Of one address it is what the ledger says; of several, a grant that stands goes first, then any opt-out.
    """
    assert ask({"consent": state}, Subject("p", consent=facts)) is expected
    if {fact.address for fact in facts} == {"a"}:
        assert (standing(facts, "a").state == state) is expected


def test_a_withdrawal_of_marketing_reaches_every_purpose() -> None:
    """
    And when it was said may be asked.
    """
    subject = Subject("p", consent=[said("withdrawn", 5)])

    assert ask({"consent": "withdrawn", "purpose": "news"}, subject)
    assert ask({"consent": "withdrawn", "within": "6d"}, subject)
    assert not ask({"consent": "withdrawn", "within": "5d"}, subject)


def test_the_best_are_those_above_the_threshold() -> None:
    """
    Who bought nothing is never among them.
    """
    rule = {"bought": "top", "share": "20%", "currency": "EUR"}

    assert ask(rule, KNOWN, need=12_000)
    assert not ask(rule, KNOWN, need=12_001)
    assert not ask(rule, KNOWN, need=None)
    assert not ask(rule, Subject("p"), need=0)


def day(text: str, zone: str = "Europe/Berlin") -> Moment:
    return Moment(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000), ZoneInfo(zone))


BIRTHDAYS: tuple[tuple[str, str, str, bool], ...] = (
    ("03-01", "2026-03-01", "1d", True),
    ("03-02", "2026-03-01", "1d", False),
    ("03-07", "2026-03-01", "7d", True),
    ("03-08", "2026-03-01", "7d", False),
    ("01-02", "2026-12-30", "7d", True),
    ("02-29", "2026-02-28", "1d", True),
    ("02-29", "2028-02-28", "1d", False),
    ("02-29", "2028-02-29", "1d", True),
    ("1990-03-01", "2026-03-01", "1d", True),
    ("soon", "2026-03-01", "7d", False),
)


@pytest.mark.parametrize(("value", "today", "days", "expected"), BIRTHDAYS, ids=str)
def test_a_birthday_comes_round(value: str, today: str, days: str, expected: bool) -> None:
    """
    Over the turn of the year, and on 28 February for those of the 29th.
    """
    rule = {"anniversary": "birthday", "within_next": days}

    assert ask(rule, Subject("p", {"birthday": value}), day(today + " 12:00")) is expected


def test_the_day_is_that_of_the_business() -> None:
    """
    At 23:30 UTC it is tomorrow in Berlin, and still today in New York.
    """
    subject = Subject("p", {"birthday": "03-02"})
    late = "2026-03-01 23:30"

    assert ask({"anniversary": "birthday"}, subject, day(late))
    assert not ask({"anniversary": "birthday"}, subject, day(late, "America/New_York"))


def test_signing_up_comes_round_by_the_year() -> None:
    """
    A year ago today, wherever in the day; not the day before, and not the year before where one year is asked.
    """
    rule = {"anniversary": "signed_up", "years": 1}
    times = {"2025-03-01 00:30": True, "2025-02-28 22:30": False, "2024-03-01 12:00": False}

    for text, expected in times.items():
        facts = [Fact("a", MARKETING, ConsentState.GRANTED, day(text).now, explicit=True)]
        assert ask(rule, Subject("p", consent=facts)) is expected, text
    assert ask({"anniversary": "first_purchase"}, Subject("p", sales=[Sale(day("2023-03-01 12:00").now, 1, "EUR")]))
    assert not ask({"anniversary": "first_purchase"}, Subject("p"))
    assert ask({"anniversary": "born", "years": 36}, Subject("p", {"born": "1990-03-01"}))


# ---- until when? ---------------------------------------------------------------------------------------------------

TURNS: tuple[tuple[dict[str, Any], Subject, int | None], ...] = (
    ({"touched": "opened", "within": "7d"}, Subject("p", touches=[touch(2), touch(5)]), ago(-5)),
    ({"touched": "opened", "within": "7d", "at_least": 2}, Subject("p", touches=[touch(2), touch(5)]), ago(-2)),
    ({"touched": "opened", "none_within": "7d"}, Subject("p", touches=[touch(2)]), ago(-5)),
    ({"touched": "opened"}, Subject("p", touches=[touch(2)]), None),
    ({"touched": "met"}, Subject("p", touches=[touch(-2, "met")]), ago(-2)),
    ({"role": "customer", "older_than": "7d"}, Subject("p", relations=[Relation("customer", "", ago(1))]), ago(-6)),
    ({"bought": "sum", "at_least": 5, "within": "7d"}, Subject("p", sales=[Sale(ago(6), 1, "")]), ago(-1)),
    ({"consent": "granted", "within": "7d"}, Subject("p", consent=[said("granted", 6)]), ago(-1)),
    ({"unanswered": True, "within": "7d"}, Subject("p", touches=[touch(6, "wrote", way="in")]), ago(-1)),
    ({"feedback": "nps", "within": "7d"}, Subject("p", scores=[Score(ago(6), "nps", 9)]), ago(-1)),
    ({"field": "city", "is": "Ulm"}, Subject("p"), None),
)


@pytest.mark.parametrize(("rule", "subject", "expected"), TURNS, ids=str)
def test_the_next_turn(rule: dict[str, Any], subject: Subject, expected: int | None) -> None:
    """
    When the fact on which it hangs leaves the window, or enters it.
    """
    read = read_rule(rule)
    assert next_turn(read, subject, AT, {}) == expected
    assert by_the_clock(read) or expected is None


def test_nothing_turns_where_something_lasting_stands_in_the_way() -> None:
    """
    Who is no customer does not become one by waiting.
    """
    rule = read_rule({"all": [{"role": "customer"}, {"touched": "opened", "none_within": "7d"}]})

    assert next_turn(rule, Subject("p", touches=[touch(2)]), AT, {}) is None


def test_what_goes_by_the_calendar_is_known() -> None:
    """
    Dates and the best are looked at when a day begins.
    """
    assert by_the_day(read_rule({"anniversary": "birthday"}))
    assert by_the_day(read_rule({"bought": "top", "share": "5%"}))
    assert by_the_day(read_rule({"field": "ends", "within_next": "5d"}))
    assert not by_the_day(read_rule({"field": "ends", "before": "2026-01-01"}))


# ---- why -----------------------------------------------------------------------------------------------------------


def test_a_membership_names_what_it_rests_on_and_an_absence_what_would_have_to_change() -> None:
    """
    Condition by condition, with what was found.
    """
    rule = read_rule(
        {"all": [{"role": "customer"}, {"any": [{"touched": "opened", "within": "30d"}, {"stage": "lapsed"}]}]}
    )
    there, absent = holds(rule, KNOWN, AT), holds(rule, Subject("p", touches=[touch(40)]), AT)

    assert [(one.condition, one.found) for one in reasons(there)] == [
        ("customer", "customer, retention since 2025-01-25 12:00"),
        ("opened within 30 days", "2 times, last 2026-02-24 12:00"),
    ]
    assert [(one.condition, one.found) for one in changes(absent)] == [
        ("customer", "nothing known"),
        ("opened within 30 days", "the last time was 2026-01-20 12:00"),
        ("in lapsed", "nothing known"),
    ]


@pytest.mark.parametrize("rule", [*(row[0] for row in FIELDS), *(row[0] for row in FACTS)], ids=str)
def test_the_verdict_is_the_answer(rule: dict[str, Any]) -> None:
    """
    Explaining changes nothing, and every condition can be said and explained.
    """
    read = read_rule(rule)
    for subject in (KNOWN, Subject("p", TEXT), Subject("p")):
        verdict = holds(read, subject, AT)
        assert verdict.holds is is_member(read, subject, AT, {})
        assert bool(reasons(verdict)) is verdict.holds
        assert bool(changes(verdict)) is not verdict.holds
    assert say(read)


# ---- reading -------------------------------------------------------------------------------------------------------

MISTAKES: tuple[tuple[object, tuple[str | int, ...], str], ...] = (
    ({"rol": "customer"}, ("rol",), 'Did you mean "role"?'),
    ({"role": "custmer"}, ("role",), 'Did you mean "customer"?'),
    ({"all": [{"touched": "opend"}]}, ("all", 0, "touched"), 'Did you mean "opened"?'),
    ({"touched": "opened", "witin": "7d"}, ("witin",), 'Did you mean "within"?'),
    ({"touched": "opened", "within": "7 days"}, ("within",), '"90d"'),
    ({"touched": "opened", "within": 7}, ("within",), '"90d"'),
    ({"touched": "opened", "none_within": "7d", "at_least": 2}, ("at_least",), "do not go together"),
    ({"touched": "opened", "at_least": 3, "at_most": 2}, ("at_most",), "less than"),
    ({"touched": "opened", "never": False}, ("never",), "true"),
    ({"touched": "opened", "by": "robot"}, ("by",), "machine"),
    ({"role": "customer", "touched": "opened"}, ("touched",), "two conditions"),
    ({"bought": "topp", "share": "20%"}, ("bought",), 'Did you mean "top"?'),
    ({"bought": "top", "share": "120%"}, ("share",), '"20%"'),
    ({"bought": "sum"}, ("bought",), "at_least"),
    ({"field": "city"}, ("field",), "missing"),
    ({"field": "city", "is": "a", "contains": "b"}, ("contains",), "two questions"),
    ({"field": 'x"y', "is": "a"}, ("field",), "no name"),
    ({"field": "ends", "before": "soon"}, ("before",), "2026-01-31"),
    ({"field": "ends", "within": "5h"}, ("within",), "days"),
    ({"consent": "unknown", "within": "5d"}, ("within",), "no time"),
    ({"anniversary": "birthday", "within_next": "400d"}, ("within_next",), "366"),
    ({"anniversary": "birthday", "years": 0}, ("years",), "1 to 100"),
    ({"any": []}, ("any",), "list of conditions"),
    ({"not": [{"role": "customer"}]}, ("not",), "one condition"),
    ({}, (), "empty"),
    ("customer", (), "expected a condition"),
)


@pytest.mark.parametrize(("tree", "where", "said_"), MISTAKES, ids=str)
def test_what_is_not_understood_is_refused_with_its_place_and_a_way_out(
    tree: object, where: tuple[str | int, ...], said_: str
) -> None:
    """
    Nothing is guessed.
    """
    with pytest.raises(RuleError) as error:
        read_rule(tree)

    assert error.value.where == where
    assert said_ in str(error.value)


def test_segments_may_rest_on_each_other_and_not_in_a_circle() -> None:
    """
    A linked rule holds the other's; a circle names its members.
    """
    rules = {"a": read_rule({"not": {"segment": "b"}}), "b": read_rule({"role": "customer"})}

    assert list(conditions(link(rules)["a"])) == [InSegment("b", Related(("customer",))), Related(("customer",))]
    assert is_member(link(rules)["a"], Subject("p"), AT, {})
    with pytest.raises(Circle, match="a → b → a"):
        link({**rules, "b": All((InSegment("a"),))})


def test_every_starter_is_read_and_said() -> None:
    """
    They have titles, can be said in words, and differ.
    """
    assert len(starters()) == 9
    assert all(say(one.rule) and one.title for one in starters().values())
    assert len({text_of(one.rule) for one in starters().values()}) == 9


def test_the_reference_shows_every_condition() -> None:
    """
    docs/segments.md has an example of each.
    """
    text = (ROOT / "docs" / "segments.md").read_text("utf-8")
    examples = " ".join(block for _, language, block in fences(text) if language == "toml")

    assert [name for name in CONDITIONS if f"{name} = " not in examples] == []
