"""Until when one person's membership is sure: when time alone may next change it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mapping.model import Millis
from mapping.rules import (
    EVER,
    All,
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
    Touched,
    Unanswered,
    Window,
)
from sync.segment import Thresholds, is_member
from sync.segment_facts import last_words, relations_of, sales, scores, touches, words
from sync.segment_subject import Subject


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
            yield from edges((one.at for one in touches(rule, subject)), rule.window, moment, tipping(rule))
        case Said():
            yield from edges((one.at for one in scores(rule, subject)), rule.window, moment, tipping(rule))
        case Bought():
            yield from edges((one.at for one in sales(rule, subject)), rule.window, moment, tipping(rule))
        case Consented():
            times = [fact.at for fact in subject.consent if fact.state is rule.state]
            yield from edges(times, rule.window, moment, None)
        case Unanswered():
            came, _ = last_words(rule, subject, moment)
            yield from edges([came], rule.window, moment, (1,))
            yield from edges((one.at for one in words(rule, subject)), EVER, moment, ())


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
