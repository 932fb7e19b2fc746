"""One person judged by the rule of a segment: whether it holds, until when that is sure, and why.

Pure: everything known of the person, the moment and the thresholds come in as arguments. `sync.segment_sql` says the
same to a database for everybody; a test holds the two together. Reading people is left to `sync.segment_load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mapping.consent import Fact
from mapping.facts import By, Way
from mapping.model import MARKETING, ConsentState, Millis, Value
from mapping.rules import (
    EVER,
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
    Window,
    folded,
)


class Relation(NamedTuple):
    role: str
    stage: str
    since: Millis


class Touching(NamedTuple):
    """A touchpoint, as far as rules ask."""

    at: Millis
    kind: str
    channel: str
    way: str
    by: str


class Sale(NamedTuple):
    """A won deal or a paid order."""

    at: Millis
    amount: int
    currency: str
    title: str = ""


class Score(NamedTuple):
    at: Millis
    kind: str
    score: float


class On(NamedTuple):
    """A list that somebody is on."""

    title: str
    connection: str


@dataclass(slots=True)
class Subject:
    """Everything known of one person that a rule may ask about. `consent` is the ledger of all their addresses."""

    id: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    relations: Sequence[Relation] = ()
    touches: Sequence[Touching] = ()
    sales: Sequence[Sale] = ()
    scores: Sequence[Score] = ()
    consent: Sequence[Fact] = ()
    lists: Sequence[On] = ()
    organizations: Sequence[Mapping[str, Value]] = ()


Thresholds = Mapping[Top, int | None]
"""What one must have bought to be among the best; None where nobody bought anything."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A rule with a name. `destinations` says what it becomes where, by connection: tag, list."""

    name: str
    title: str
    rule: Rule
    destinations: Mapping[str, str] = field(default_factory=dict)


# ---- does it hold? -------------------------------------------------------------------------------------------------


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
            return _within(came, window, moment) and (answered is None or answered < came)
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


def _within(at: Millis, window: Window, moment: Moment) -> bool:
    low, high = window.bounds(moment)
    return low < at <= high


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


def _month_day(text: str) -> bool:
    """Whether *text* reads -MM-DD."""
    return text[0] == "-" and _digits(text[1:3]) and text[3] == "-" and _digits(text[4:6])


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def relations_of(rule: Related, subject: Subject, moment: Moment) -> Iterator[Relation]:
    """What they are to the business, in the rule's window."""
    for one in subject.relations:
        known = (not rule.roles or one.role in rule.roles) and (not rule.stages or one.stage in rule.stages)
        if known and (rule.window.open or _within(one.since, rule.window, moment)):
            yield one


def _touches(rule: Touched, subject: Subject) -> Iterator[Touching]:
    for one in subject.touches:
        if (
            (not rule.kinds or one.kind in rule.kinds)
            and (not rule.channels or one.channel in rule.channels)
            and (rule.by is None or one.by == rule.by)
            and (rule.way is None or one.way == rule.way)
        ):
            yield one


def touches_of(rule: Touched, subject: Subject, moment: Moment) -> list[Touching]:
    """The touchpoints that count now."""
    low, high = rule.window.bounds(moment)
    return [one for one in _touches(rule, subject) if low < one.at <= high]


def _words(rule: Unanswered, subject: Subject) -> Iterator[Touching]:
    for one in subject.touches:
        if one.kind in rule.kinds and one.way in (Way.IN, Way.OUT) and one.by != By.MACHINE:
            yield one


def last_words(rule: Unanswered, subject: Subject, moment: Moment) -> tuple[Millis, Millis | None]:
    """When they last turned to the business (-1: never), and when it last turned to them."""
    past = [one for one in _words(rule, subject) if one.at <= moment.now]
    came = max((one.at for one in past if one.way == Way.IN), default=-1)
    return came, max((one.at for one in past if one.way == Way.OUT), default=None)


def _sales(rule: Bought | Top, subject: Subject) -> Iterator[Sale]:
    return (one for one in subject.sales if not rule.currency or one.currency == rule.currency)


def sales_of(rule: Bought | Top, subject: Subject, moment: Moment) -> list[Sale]:
    """The purchases that count now."""
    low, high = rule.window.bounds(moment)
    return [one for one in _sales(rule, subject) if low < one.at <= high]


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


def _scores(rule: Said, subject: Subject) -> Iterator[Score]:
    for one in subject.scores:
        if (
            (not rule.kinds or folded(one.kind) in rule.kinds)
            and (rule.score_least is None or one.score >= rule.score_least)
            and (rule.score_most is None or one.score <= rule.score_most)
        ):
            yield one


def scores_of(rule: Said, subject: Subject, moment: Moment) -> list[Score]:
    """The feedback that counts now."""
    low, high = rule.window.bounds(moment)
    return [one for one in _scores(rule, subject) if low < one.at <= high]


def withdrawals(subject: Subject, purpose: str) -> list[Fact]:
    """The opt-outs that concern a purpose."""
    purposes = (purpose, MARKETING)
    return [f for f in subject.consent if f.state is ConsentState.WITHDRAWN and f.purpose in purposes]


def grants(subject: Subject, purpose: str) -> list[Fact]:
    """The grants of their own that stand: newer than every opt-out, at an address that mail reaches."""
    left = max((fact.at for fact in withdrawals(subject, purpose)), default=None)
    dead = {fact.address for fact in subject.consent if fact.state is ConsentState.UNDELIVERABLE}
    return [
        fact
        for fact in subject.consent
        if fact.state is ConsentState.GRANTED
        and fact.explicit
        and fact.at > 0
        and fact.purpose in (purpose, MARKETING)
        and fact.address not in dead
        and (left is None or fact.at > left)
    ]


def bounces(subject: Subject) -> list[Fact]:
    """The bounces of their addresses."""
    return [fact for fact in subject.consent if fact.state is ConsentState.UNDELIVERABLE]


def consent_of(rule: Consented, subject: Subject) -> list[Fact] | None:
    """The lines of the ledger that a state of consent rests on; None where it is another."""
    granted, left, bounced = (grants(subject, rule.purpose), withdrawals(subject, rule.purpose), bounces(subject))
    lines = {ConsentState.GRANTED: granted, ConsentState.WITHDRAWN: left, ConsentState.UNDELIVERABLE: bounced}
    now = next((state for state, facts in lines.items() if facts), ConsentState.UNKNOWN)
    return lines.get(now, []) if now is rule.state else None


def _consented(rule: Consented, subject: Subject, moment: Moment) -> bool:
    facts = consent_of(rule, subject)
    if facts is None or rule.window.open or rule.state is ConsentState.UNKNOWN:
        return facts is not None
    return any(_within(fact.at, rule.window, moment) for fact in facts)


def first_time(name: str, subject: Subject) -> Millis | None:
    """When somebody signed up, or first bought."""
    if name == FIRST_PURCHASE:
        return min((sale.at for sale in subject.sales if sale.at > 0), default=None)
    given = (fact for fact in subject.consent if fact.state is ConsentState.GRANTED and fact.explicit and fact.at > 0)
    return min((fact.at for fact in given), default=None)


def _comes_round(rule: Anniversary, subject: Subject, moment: Moment) -> bool:
    if rule.name in (SIGNED_UP, FIRST_PURCHASE):
        at = first_time(rule.name, subject)
        return at is not None and any(start <= at < end for start, end in rule.spans(moment))
    value = subject.fields.get(rule.name)
    if rule.years is not None:
        return day_of(value) in {day.isoformat() for day in rule.dates(moment)}
    return month_day_of(value) in rule.month_days(moment)


def month_day_of(value: Value) -> str:
    """MM-DD of a birthday or a date; nothing where it is neither."""
    if isinstance(value, str) and len(value) == 5 and _month_day("-" + value):
        return value
    return day_of(value)[5:]


def lists_of(rule: Listed, subject: Subject) -> Iterator[On]:
    """The lists of this title that they are on."""
    for one in subject.lists:
        if folded(one.title) == rule.title and (not rule.connection or one.connection == rule.connection):
            yield one


# ---- until when? ---------------------------------------------------------------------------------------------------


def next_turn(rule: Rule, subject: Subject, moment: Moment, thresholds: Thresholds) -> Millis | None:
    """The next moment at which time alone may change this membership; until then nothing but news can.

    It may come early and then change nothing. What goes by the calendar (`mapping.rules.by_the_day`) is looked at
    when a day begins, for everybody, and is left out here.
    """
    still, moving = settled(rule)
    if not all(is_member(part, subject, moment, thresholds) for part in still):
        return None  # what stands in the way does not change by itself
    turns = (turn for part in moving for one in temporal(part) for turn in _turns(one, subject, moment))
    return min(turns, default=None)


def settled(rule: Rule) -> tuple[list[Rule], list[Rule]]:
    """The parts that must all hold: those that time does not change, and the others."""
    parts: list[Rule] = []
    waiting: list[Rule] = [rule]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, All):
            waiting = [*one.parts, *waiting]
        elif isinstance(one, InSegment) and one.rule is not None:
            waiting = [one.rule, *waiting]
        else:
            parts.append(one)
    return [one for one in parts if _still(one)], [one for one in parts if not _still(one)]


def _still(rule: Rule) -> bool:
    """Whether neither the clock nor the calendar changes it."""
    match rule:
        case All(parts) | Either(parts):
            return all(_still(part) for part in parts)
        case Not(part):
            return _still(part)
        case InSegment(_, inner):
            return inner is None or _still(inner)
        case FieldTest(_, test):
            return not test.calendar
        case Related(window=window) | Consented(window=window):
            return window.open
    return isinstance(rule, Listed)


Timed = Related | Touched | Unanswered | Bought | Said | Consented


def temporal(rule: Rule) -> Iterator[Timed]:
    """The conditions of a part whose answer the clock may change."""
    match rule:
        case All(parts) | Either(parts):
            for part in parts:
                yield from temporal(part)
        case Not(part):
            yield from temporal(part)
        case InSegment(_, inner):
            if inner is not None:
                yield from temporal(inner)
        case Related() | Touched() | Unanswered() | Bought() | Said() | Consented():
            if not _still(rule):
                yield rule


def _turns(rule: Timed, subject: Subject, moment: Moment) -> Iterator[Millis]:
    match rule:
        case Related():
            every = Related(rule.roles, rule.stages)
            times = [one.since for one in relations_of(every, subject, moment)]
            yield from edges(times, rule.window, moment, (1,))
        case Touched():
            yield from edges((one.at for one in _touches(rule, subject)), rule.window, moment, tipping(rule))
        case Said():
            yield from edges((one.at for one in _scores(rule, subject)), rule.window, moment, tipping(rule))
        case Bought():
            yield from edges((one.at for one in _sales(rule, subject)), rule.window, moment, tipping(rule))
        case Consented():
            times = [fact.at for fact in subject.consent if fact.state is rule.state]
            yield from edges(times, rule.window, moment, None)
        case Unanswered():
            came, _ = last_words(rule, subject, moment)
            yield from edges([came], rule.window, moment, (1,))
            yield from edges((one.at for one in _words(rule, subject)), EVER, moment, ())


def tipping(rule: Touched | Said | Bought) -> tuple[int, ...] | None:
    """The counts at which the answer tips; None where each fact that leaves the window matters."""
    if isinstance(rule, Bought) and rule.measure is not Measure.COUNT:
        return None
    counts = (rule.least or 0, 0 if rule.most is None else rule.most + 1)
    return tuple(sorted({count for count in counts if count > 0}))


def edges(times: Iterable[Millis], window: Window, moment: Moment, counts: tuple[int, ...] | None) -> Iterator[Millis]:
    """When the next of *times* comes into a window, and when so many have left it that a count tips."""
    low, high = window.fixed(moment)
    inside, (start, end) = [], window.bounds(moment)
    for at in times:
        if not low < at or (high is not None and at > high):
            continue
        if at + window.older > moment.now:
            yield at + window.older
        elif start < at <= end:
            inside.append(at)
    if window.within is None or not inside:
        return
    if counts is None:
        yield min(inside) + window.within
        return
    inside.sort(reverse=True)
    yield from (inside[count - 1] + window.within for count in counts if count <= len(inside))
