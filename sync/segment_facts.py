"""The facts about one person that a condition counts. Pure; `sync.segment_sql_facts` says the same to a database."""

from __future__ import annotations

from collections.abc import Iterator

from mapping.consent import Fact
from mapping.facts import By, Way
from mapping.model import MARKETING, ConsentState, Millis
from mapping.rules import (
    FIRST_PURCHASE,
    Bought,
    Consented,
    Listed,
    Moment,
    Related,
    Said,
    Top,
    Touched,
    Unanswered,
    Window,
    folded,
)
from sync.segment_subject import On, Relation, Sale, Score, Subject, Touching


def within(at: Millis, window: Window, moment: Moment) -> bool:
    """Whether a time counts now."""
    low, high = window.bounds(moment)
    return low < at <= high


def relations_of(rule: Related, subject: Subject, moment: Moment) -> Iterator[Relation]:
    """What they are to the business, in the rule's window."""
    for one in subject.relations:
        known = (not rule.roles or one.role in rule.roles) and (not rule.stages or one.stage in rule.stages)
        if known and (rule.window.open or within(one.since, rule.window, moment)):
            yield one


def touches(rule: Touched, subject: Subject) -> Iterator[Touching]:
    """The touchpoints of which a rule speaks, of any time."""
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
    return [one for one in touches(rule, subject) if low < one.at <= high]


def words(rule: Unanswered, subject: Subject) -> Iterator[Touching]:
    """What was said between people, by either side."""
    for one in subject.touches:
        if one.kind in rule.kinds and one.way in (Way.IN, Way.OUT) and one.by != By.MACHINE:
            yield one


def last_words(rule: Unanswered, subject: Subject, moment: Moment) -> tuple[Millis, Millis | None]:
    """When they last turned to the business (-1: never), and when it last turned to them."""
    past = [one for one in words(rule, subject) if one.at <= moment.now]
    came = max((one.at for one in past if one.way == Way.IN), default=-1)
    return came, max((one.at for one in past if one.way == Way.OUT), default=None)


def sales(rule: Bought | Top, subject: Subject) -> Iterator[Sale]:
    """The purchases of which a rule speaks, of any time."""
    return (one for one in subject.sales if not rule.currency or one.currency == rule.currency)


def sales_of(rule: Bought | Top, subject: Subject, moment: Moment) -> list[Sale]:
    """The purchases that count now."""
    low, high = rule.window.bounds(moment)
    return [one for one in sales(rule, subject) if low < one.at <= high]


def scores(rule: Said, subject: Subject) -> Iterator[Score]:
    """The feedback of which a rule speaks, of any time."""
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
    return [one for one in scores(rule, subject) if low < one.at <= high]


def withdrawals(subject: Subject, purpose: str) -> list[Fact]:
    """The opt-outs that concern a purpose."""
    purposes = (purpose, MARKETING)
    return [f for f in subject.consent if f.state is ConsentState.WITHDRAWN and f.purpose in purposes]


def grants(subject: Subject, purpose: str) -> list[Fact]:
    """The grants of their own that stand: newer than every opt-out, at an address that mail reaches."""
    gone = withdrawals(subject, purpose)
    left = max((fact.at for fact in gone), default=None)
    own = any(fact.purpose == purpose for fact in gone)
    dead = {fact.address for fact in subject.consent if fact.state is ConsentState.UNDELIVERABLE}
    return [
        fact
        for fact in subject.consent
        if fact.state is ConsentState.GRANTED
        and fact.explicit
        and fact.at > 0
        and (fact.purpose == purpose or (fact.purpose == MARKETING and not own))
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


def first_time(name: str, subject: Subject) -> Millis | None:
    """When somebody signed up, or first bought."""
    if name == FIRST_PURCHASE:
        return min((sale.at for sale in subject.sales if sale.at > 0), default=None)
    given = (fact for fact in subject.consent if fact.state is ConsentState.GRANTED and fact.explicit and fact.at > 0)
    return min((fact.at for fact in given), default=None)


def lists_of(rule: Listed, subject: Subject) -> Iterator[On]:
    """The lists of this title that they are on."""
    for one in subject.lists:
        if folded(one.title) == rule.title and (not rule.connection or one.connection == rule.connection):
            yield one
