"""Why somebody is in a segment, and what would have to change for somebody who is not. Pure, like `sync.segment`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mapping.model import Millis
from mapping.rules import (
    FIRST_PURCHASE,
    SIGNED_UP,
    All,
    Anniversary,
    Bought,
    Condition,
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
    Top,
    Touched,
    Unanswered,
)
from mapping.rules_words import amount, say
from sync.segment import Thresholds, is_member
from sync.segment_facts import (
    bounces,
    first_time,
    grants,
    last_words,
    lists_of,
    relations_of,
    sales_of,
    scores_of,
    touches_of,
    withdrawals,
)
from sync.segment_subject import Subject


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition holds, what it asks, and what was found. `parts` are the conditions below it; `turned` says
    that it is asked for the contrary."""

    holds: bool
    condition: str
    found: str = ""
    parts: tuple[Verdict, ...] = ()
    any_of: bool = False
    turned: bool = False


def holds(rule: Rule, subject: Subject, moment: Moment, thresholds: Thresholds | None = None) -> Verdict:
    """Whether the rule holds for this person now, and what that rests on."""
    known = thresholds or {}
    match rule:
        case All(parts):
            below = tuple(holds(part, subject, moment, known) for part in parts)
            return Verdict(all(one.holds for one in below), say(rule), "", below)
        case Either(parts):
            below = tuple(holds(part, subject, moment, known) for part in parts)
            return Verdict(any(one.holds for one in below), say(rule), "", below, any_of=True)
        case Not(part):
            below = (holds(part, subject, moment, known),)
            return Verdict(not below[0].holds, say(rule), below[0].found, below, turned=True)
        case InSegment(_, inner) if inner is not None:
            below = (holds(inner, subject, moment, known),)
            return Verdict(below[0].holds, say(rule), "", below)
    found = _found(rule, subject, moment, known)
    return Verdict(is_member(rule, subject, moment, known), say(rule), found)


def reasons(verdict: Verdict) -> list[Verdict]:
    """The conditions that a membership rests on."""
    return list(_leaves(verdict, holding=True))


def changes(verdict: Verdict) -> list[Verdict]:
    """The conditions that would have to change for an absence to end; of alternatives one is enough."""
    return list(_leaves(verdict, holding=False))


def _leaves(verdict: Verdict, *, holding: bool) -> Iterator[Verdict]:
    if verdict.holds is not holding:
        return
    if not verdict.parts or verdict.turned:
        yield verdict
        return
    for part in verdict.parts:
        yield from _leaves(part, holding=holding)


def _found(rule: Condition, subject: Subject, moment: Moment, thresholds: Thresholds) -> str:
    """What there is, in words."""
    match rule:
        case FieldTest(name, _, organization):
            rows = subject.organizations if organization else (subject.fields,)
            values = [str(row[name]) for row in rows if row.get(name) not in (None, "")]
            return f"it is {' / '.join(values)}" if values else "it is blank"
        case Related():
            relations = list(relations_of(Related(), subject, moment))
            return "; ".join(_relation(one.role, one.stage, one.since, moment) for one in relations) or "nothing known"
        case Touched():
            counting = touches_of(rule, subject, moment)
            known = touches_of(Touched(rule.kinds, rule.channels, rule.by, rule.way), subject, moment)
            return _times([one.at for one in counting], [one.at for one in known], moment)
        case Said():
            counting_, known_ = scores_of(rule, subject, moment), scores_of(Said(rule.kinds), subject, moment)
            return _times([one.at for one in counting_], [one.at for one in known_], moment)
        case Unanswered():
            came, answered = last_words(rule, subject, moment)
            theirs = f"they last wrote or called {_when(came, moment)}" if came >= 0 else "they never wrote or called"
            return f"{theirs}, " + (
                f"you last did {_when(answered, moment)}" if answered is not None else "you never did"
            )
        case Bought():
            counting__, known__ = sales_of(rule, subject, moment), sales_of(Bought(), subject, moment)
            times = _times([one.at for one in counting__], [one.at for one in known__], moment)
            if rule.measure is Measure.COUNT or not counting__:
                return times
            return f"{times}, {amount(sum(one.amount for one in counting__), rule.currency)} in all"
        case Top():
            total = amount(sum(one.amount for one in sales_of(rule, subject, moment)), rule.currency)
            need = thresholds.get(rule)
            return f"{total} in all" + (f", and it takes {amount(need, rule.currency)}" if need is not None else "")
    return _said(rule, subject, moment)


def _said(rule: Consented | Anniversary | Listed | InSegment, subject: Subject, moment: Moment) -> str:
    match rule:
        case Consented(_, purpose):
            named = (
                ("granted", grants(subject, purpose)),
                ("withdrawn", withdrawals(subject, purpose)),
                ("undeliverable", bounces(subject)),
            )
            for word, facts in named:
                if facts:
                    last = max(facts, key=lambda fact: fact.at)
                    return f"{word} {_when(last.at, moment)} for {last.address}" + _quoted(last.evidence)
            return "nothing is recorded"
        case Anniversary(name) if name in (SIGNED_UP, FIRST_PURCHASE):
            at = first_time(name, subject)
            return "never" if at is None else _when(at, moment)
        case Anniversary(name):
            value = subject.fields.get(name)
            return f"it is {value}" if value else "it is blank"
        case Listed():
            found = [f'"{one.title}" at {one.connection}' for one in lists_of(rule, subject)]
            return ", ".join(found) or "on no such list"
        case InSegment(name):
            return f"there is no segment {name}"


def _quoted(text: str) -> str:
    return f" ({text})" if text else ""


def _relation(role: str, stage: str, since: Millis, moment: Moment) -> str:
    known = ", ".join(part for part in (role, stage) if part)
    return known + (f" since {_when(since, moment)}" if since else "")


def _times(counting: Sequence[Millis], known: Sequence[Millis], moment: Moment) -> str:
    if counting:
        many = f"{len(counting)} times, last" if len(counting) > 1 else "once,"
        return f"{many} {_when(max(counting), moment)}"
    return f"the last time was {_when(max(known), moment)}" if known else "never"


def _when(at: Millis, moment: Moment) -> str:
    if at <= 0:
        return "at a time nobody knows"
    return datetime.fromtimestamp(at / 1000, moment.zone or UTC).strftime("%Y-%m-%d %H:%M")
