"""When time alone may next change whose membership, as one SELECT. Says the same as `sync.segment_turns` of one."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select, union_all

from mapping.rules import EVER, All, Bought, Consented, Moment, Related, Rule, Said, Touched, Unanswered, Window
from sync.segment_sql import Compiler
from sync.segment_sql_facts import Derived, Facts, inside, last_words, lines, relations, sales, scores, touches, words
from sync.segment_turns import Timed, settled, temporal, tipping
from sync.store import schema as t


def turns_of(compiler: Compiler, rule: Rule) -> Select[Any] | None:
    """`person` and `at`, once for each whose turn comes. None where it never does."""
    still, moving = settled(rule)
    parts = [query for part in moving for one in temporal(part) for query in _turns(compiler, one)]
    if not parts:
        return None
    every = union_all(*parts).subquery()
    first = select(every.c.person, func.min(every.c.at).label("at")).group_by(every.c.person).subquery()
    query = select(first.c.person, first.c.at).where(first.c.at.is_not(None))
    return query.where(first.c.person.in_(compiler.people(All(tuple(still)))))


def _turns(compiler: Compiler, rule: Timed) -> list[Select[Any]]:
    moment = compiler.moment
    match rule:
        case Related():
            return _edges(relations(rule), rule.window, moment, (1,))
        case Touched():
            return _edges(touches(rule), rule.window, moment, tipping(rule))
        case Said():
            return _edges(scores(rule, compiler.questions.folded), rule.window, moment, tipping(rule))
        case Bought():
            return _edges(sales(rule), rule.window, moment, tipping(rule))
        case Consented():
            return _edges(lines(t.consent.c.state == rule.state.value), rule.window, moment, None)
        case Unanswered():
            query, came, _ = last_words(rule, moment)
            inner = query.add_columns(came.label("at")).subquery()
            return [*_edges(Derived(inner), rule.window, moment, (1,)), *_edges(words(rule), EVER, moment, ())]


def _edges(facts: Facts, window: Window, moment: Moment, counts: tuple[int, ...] | None) -> list[Select[Any]]:
    """As `sync.segment_turns.edges`: the next to come in, and when so many have left that a count tips."""
    low, high = window.fixed(moment)
    fixed = [facts.at > low] if low >= 0 else []
    if high is not None:
        fixed.append(facts.at <= high)
    newest = moment.now - window.older
    found = [facts.people(*fixed, facts.at > newest).add_columns((facts.at + window.older).label("at"))]
    if window.within is None:
        return found
    staying = inside(facts.at, window, moment)
    if counts is None or counts == (1,):
        last = func.min(facts.at) if counts is None else func.max(facts.at)
        leaving = facts.people(*staying).add_columns((last + window.within).label("at"))
        found.append(leaving.group_by(facts.person))
    elif counts:
        once = facts.each(*staying)
        place = func.row_number().over(partition_by=once.person, order_by=once.at.desc()).label("place")
        placed = once.people().add_columns(once.at.label("at"), place).subquery()
        leaving = select(placed.c.person, (placed.c.at + window.within).label("at"))
        found.append(leaving.where(placed.c.place.in_(counts)))
    return found
