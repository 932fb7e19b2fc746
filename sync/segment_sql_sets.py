"""Sets of people in a database, put together as a rule says: both, either, all others.

A set is a SELECT that names people, or a question that each row of `person` answers by itself. Sets are taken from
each other by INTERSECT, UNION and EXCEPT. Whatever a database expects of their sizes, that takes a time in proportion
to them; of joins one sometimes believes that a few people are meant, and looks each of a hundred thousand up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, except_, false, intersect, not_, or_, select, true
from sqlalchemy import union as union_of

from sync.store import schema as t

People: TypeAlias = Select[Any]
"""A select whose one column, `person`, names people, some perhaps twice."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Those whose row in `person` passes a test, which is never NULL."""

    test: ColumnElement[bool]

    @property
    def people(self) -> People:
        return select(t.person.c.id.label("person")).where(self.test)


@dataclass(frozen=True, slots=True)
class Named:
    """Those whom a select names."""

    people: People


@dataclass(frozen=True, slots=True)
class AllBut:
    """Everybody but those whom a select names."""

    people: People


Chosen: TypeAlias = Asked | Named | AllBut


def both(parts: Iterable[Chosen]) -> Chosen:
    """Who is in each of them; of none, everybody."""
    asked, named, but = _sorted(parts)
    if not named and not but:
        return Asked(and_(true(), *asked))
    if not named and not asked:
        return AllBut(_one(union_of, but))
    if not named:
        return Named(_without(Asked(and_(*asked)).people, but))
    chosen = _without(_one(intersect, named), but)
    if not asked:
        return Named(chosen)
    return Named(Asked(and_(t.person.c.id.in_(chosen), *asked)).people)


def either(parts: Iterable[Chosen]) -> Chosen:
    """Who is in at least one of them; of none, nobody."""
    asked, named, but = _sorted(parts)
    if asked and (named or but):
        named.append(Asked(or_(*asked)).people)
    if but:
        return AllBut(_without(_one(intersect, but), named))
    return Named(_one(union_of, named)) if named else Asked(or_(false(), *asked))


def others(part: Chosen) -> Chosen:
    """Who is not in it."""
    match part:
        case Asked(test):
            return Asked(not_(test))
        case Named(people):
            return AllBut(people)
        case AllBut(people):
            return Named(people)


def everybody(part: Chosen) -> People:
    """Those in a set who are there, once each."""
    match part:
        case Asked():
            return part.people
        case Named(people):
            return select(t.person.c.id.label("person")).where(t.person.c.id.in_(people))
        case AllBut(people):
            return _plain(except_(select(t.person.c.id.label("person")), people))


def _sorted(parts: Iterable[Chosen]) -> tuple[list[ColumnElement[bool]], list[People], list[People]]:
    asked, named, but = [], [], []
    for part in parts:
        match part:
            case Asked(test):
                asked.append(test)
            case Named(people):
                named.append(people)
            case AllBut(people):
                but.append(people)
    return asked, named, but


def _one(put: Any, sets: Sequence[People]) -> People:
    return sets[0] if len(sets) == 1 else _plain(put(*sets))


def _without(people: People, gone: Sequence[People]) -> People:
    return _plain(except_(people, *gone)) if gone else people


def _plain(compound: CompoundSelect[Any]) -> People:
    """As a select of its own, which may stand in another: SQLite knows no brackets between sets."""
    return select(compound.subquery().c.person)
