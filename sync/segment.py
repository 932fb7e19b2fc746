"""One person judged by the rule of a segment: whether it holds.

Pure: everything known of the person, the moment and the thresholds come in as arguments. `sync.segment_sql` says the
same to a database for everybody; a test holds the two together. Until when it is sure says `sync.segment_turns`, and
why `sync.segment_why`; reading people is left to `sync.segment_load`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mapping.model import ConsentState, Value
from mapping.rules import (
    FIRST_PURCHASE,
    SIGNED_UP,
    All,
    Anniversary,
    Bought,
    Consented,
    Either,
    FieldTest,
    InSegment,
    Listed,
    Measure,
    Moment,
    Not,
    Related,
    Rule,
    Said,
    Test,
    TestKind,
    Top,
    Touched,
    Unanswered,
    folded,
    text_of,
)
from sync.segment_facts import (
    consent_of,
    first_time,
    last_words,
    lists_of,
    relations_of,
    sales_of,
    scores_of,
    touches_of,
    within,
)
from sync.segment_subject import Sale, Subject

Thresholds = Mapping[Top, int | None]
"""What one must have bought to be among the best; None where nobody bought anything."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A rule with a name. `destinations` says what it becomes where, by connection: tag, list. `text` changes whenever
    the meaning of the rule does."""

    name: str
    title: str
    rule: Rule
    destinations: Mapping[str, str] = field(default_factory=dict)
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", text_of(self.rule))


def is_member(rule: Rule, subject: Subject, moment: Moment, thresholds: Thresholds) -> bool:
    """Whether the rule holds for this person now."""
    match rule:
        case All(parts):
            return all(is_member(part, subject, moment, thresholds) for part in parts)
        case Either(parts):
            return any(is_member(part, subject, moment, thresholds) for part in parts)
        case Not(part):
            return not is_member(part, subject, moment, thresholds)
        case InSegment(_, inner):
            return inner is not None and is_member(inner, subject, moment, thresholds)
        case Top():
            need = thresholds.get(rule)
            total = sum(sale.amount for sale in sales_of(rule, subject, moment))
            return need is not None and total > 0 and total >= need
    return _simple(rule, subject, moment)


def _simple(
    rule: FieldTest | Related | Touched | Unanswered | Bought | Said | Consented | Anniversary | Listed,
    subject: Subject,
    moment: Moment,
) -> bool:
    match rule:
        case FieldTest(name, test, organization):
            rows = subject.organizations if organization else (subject.fields,)
            return any(passes(test, row.get(name), moment) for row in rows)
        case Related():
            return any(relations_of(rule, subject, moment))
        case Touched(least=least, most=most):
            return _enough(len(touches_of(rule, subject, moment)), least, most)
        case Said(least=least, most=most):
            return _enough(len(scores_of(rule, subject, moment)), least, most)
        case Unanswered(window=window):
            came, answered = last_words(rule, subject, moment)
            return within(came, window, moment) and (answered is None or answered < came)
        case Bought():
            return _bought(rule, sales_of(rule, subject, moment))
        case Consented():
            return _consented(rule, subject, moment)
        case Anniversary():
            return _comes_round(rule, subject, moment)
        case Listed():
            return any(lists_of(rule, subject))


def _enough(count: int, least: int | None, most: int | None) -> bool:
    return count >= (least or 0) and (most is None or count <= most)


def _bought(rule: Bought, sales: Sequence[Sale]) -> bool:
    if rule.measure is Measure.COUNT:
        return _enough(len(sales), rule.least, rule.most)
    total = sum(sale.amount for sale in sales)
    times = 1
    if rule.measure is Measure.AVERAGE:
        if not sales:
            return False
        times = len(sales)
    return (rule.least is None or total >= rule.least * times) and (rule.most is None or total <= rule.most * times)


def _consented(rule: Consented, subject: Subject, moment: Moment) -> bool:
    facts = consent_of(rule, subject)
    if facts is None or rule.window.open or rule.state is ConsentState.UNKNOWN:
        return facts is not None
    return any(within(fact.at, rule.window, moment) for fact in facts)


def _comes_round(rule: Anniversary, subject: Subject, moment: Moment) -> bool:
    if rule.name in (SIGNED_UP, FIRST_PURCHASE):
        at = first_time(rule.name, subject)
        return at is not None and any(start <= at < end for start, end in rule.spans(moment))
    value = subject.fields.get(rule.name)
    if rule.years is not None:
        return day_of(value) in {day.isoformat() for day in rule.dates(moment)}
    return month_day_of(value) in rule.month_days(moment)


def passes(test: Test, value: Value, moment: Moment) -> bool:
    """Whether one value answers a question with yes."""
    match test.kind:
        case TestKind.EMPTY:
            return value is None or value == ""
        case TestKind.IS:
            return any(_is(value, wanted) for wanted in test.values)
        case TestKind.CONTAINS:
            part = str(test.values[0])
            if isinstance(value, list):
                return any(isinstance(member, str) and folded(member) == part for member in value)
            return isinstance(value, str) and part in folded(value)
        case TestKind.NUMBER:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return (test.least is None or value >= test.least) and (test.most is None or value <= test.most)
        case TestKind.DATE:
            first, last = test.days(moment)
            return first <= day_of(value) <= last
    raise AssertionError(test.kind)


def _is(value: Value, wanted: str | float | bool) -> bool:
    if isinstance(wanted, str):
        return isinstance(value, str) and folded(value) == wanted
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    return isinstance(value, int | float) and value == wanted


def day_of(value: Value) -> str:
    """The date with which a text begins; nothing where it begins with none."""
    if not isinstance(value, str) or len(value) < 10:
        return ""
    return value[:10] if _digits(value[:4]) and _month_day(value[4:10]) else ""


def month_day_of(value: Value) -> str:
    """MM-DD of a birthday or a date; nothing where it is neither."""
    if isinstance(value, str) and len(value) == 5 and _month_day("-" + value):
        return value
    return day_of(value)[5:]


def _month_day(text: str) -> bool:
    """Whether *text* reads -MM-DD."""
    return text[0] == "-" and _digits(text[1:3]) and text[3] == "-" and _digits(text[4:6])


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
