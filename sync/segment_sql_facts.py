"""What a condition counts, as selects of facts: whose each is and when it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, exists, func, not_, or_, select

from mapping.facts import By, DealState, Way
from mapping.model import MARKETING, ConsentState
from mapping.rules import Bought, Moment, Related, Said, Top, Touched, Unanswered, Window
from sync.segment_sql_sets import People
from sync.store import schema as t

MINE = t.record.c.person.is_not(None)


class Facts:
    """A select of facts, with the columns that say whose each is and when it was."""

    def __init__(self, source: FromClause, at: ColumnElement[Any], where: Sequence[ColumnElement[bool]]) -> None:
        self.source, self.at, self.where = source, at, list(where)
        self.person: ColumnElement[Any] = t.record.c.person

    def people(self, *where: ColumnElement[bool]) -> People:
        """Whose facts these are, a row for each."""
        return select(self.person.label("person")).select_from(self.source).where(*self.where, *where)

    def among(self, people: People | None) -> list[ColumnElement[bool]]:
        """Whether they are facts about these people."""
        return [] if people is None else [self.person.in_(people)]

    def each(self, *where: ColumnElement[bool]) -> Facts:
        """The facts of a person, once each."""
        return Facts(self.source, self.at, [*self.where, *where])


def inside(at: ColumnElement[Any], window: Window, moment: Moment) -> list[ColumnElement[bool]]:
    """Whether a time counts now."""
    low, high = window.bounds(moment)
    return [at <= high] if low < 0 else [at > low, at <= high]


class Derived(Facts):
    """Facts worked out from others: a subquery with `person` and `at`."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner, inner.c.at, [])
        self.person = inner.c.person


class Sales(Facts):
    """Won deals. Somebody may stand on a deal twice, by two records or beside two organisations."""

    def each(self, *where: ColumnElement[bool]) -> Facts:
        query = self.people(*where).add_columns(self.at.label("at"), t.deal.c.id, t.deal.c.amount)
        return Derived(query.distinct().subquery())


def touches(rule: Touched) -> Facts:
    c = t.touchpoint.c
    where: list[ColumnElement[bool]] = [MINE]
    if rule.kinds:
        where.append(c.kind.in_([kind.value for kind in rule.kinds]))
    if rule.channels:
        where.append(c.channel.in_([channel.value for channel in rule.channels]))
    if rule.by is not None:
        where.append(c.by == rule.by.value)
    if rule.way is not None:
        where.append(c.way == rule.way.value)
    return Facts(t.touchpoint.join(t.record, t.record.c.id == c.record), c.at, where)


def words(rule: Unanswered) -> Facts:
    facts = touches(Touched(rule.kinds))
    c = t.touchpoint.c
    facts.where += [c.way.in_([Way.IN.value, Way.OUT.value]), c.by != By.MACHINE.value]
    return facts


def last_words(
    rule: Unanswered, moment: Moment, among: People | None = None
) -> tuple[Select[Any], ColumnElement[Any], ColumnElement[Any]]:
    """When people last turned to the business, and it to them; of *among* only, where it names anybody."""
    facts = words(rule)
    way = t.touchpoint.c.way
    came = func.max(case((way == Way.IN.value, facts.at)))
    answered = func.max(case((way == Way.OUT.value, facts.at)))
    return facts.people(facts.at <= moment.now, *facts.among(among)).group_by(facts.person), came, answered


def sales(rule: Bought | Top) -> Facts:
    c = t.deal.c
    source = t.deal.join(t.deal_party, t.deal_party.c.deal == c.id)
    source = source.join(t.record, t.record.c.id == t.deal_party.c.record)
    where: list[ColumnElement[bool]] = [MINE, c.state == DealState.WON.value]
    if rule.currency:
        where.append(c.currency == rule.currency)
    return Sales(source, c.closed, where)


def relations(rule: Related) -> Facts:
    r = t.relationship.c
    where: list[ColumnElement[bool]] = [r.until.is_(None)]
    if rule.roles:
        where.append(r.role.in_(rule.roles))
    if rule.stages:
        where.append(r.stage.in_(rule.stages))
    facts = Facts(t.relationship, r.since, where)
    facts.person = r.person
    return facts


def scores(rule: Said, folded: Callable[[ColumnElement[Any]], ColumnElement[Any]]) -> Facts:
    """What people said; *folded* gives a text as it is compared."""
    c = t.feedback.c
    where: list[ColumnElement[bool]] = [MINE]
    if rule.kinds:
        where.append(folded(c.kind).in_(rule.kinds))
    if rule.score_least is not None:
        where.append(c.score >= rule.score_least)
    if rule.score_most is not None:
        where.append(c.score <= rule.score_most)
    return Facts(t.feedback.join(t.record, t.record.c.id == c.record), c.at, where)


def lines(*where: ColumnElement[bool]) -> Facts:
    """Lines of the consent ledger about people's addresses."""
    c, i = t.consent.c, t.identifier.c
    # Without statistics SQLite takes `kind = 'email'` for rare and begins there, with everybody's addresses. That the
    # kind seems to depend on the line makes it begin with the ledger.
    kind = func.coalesce(func.nullif("email", c.address), "email")
    source = t.consent.join(t.identifier, and_(i.kind == kind, i.value == c.address))
    return Facts(source.join(t.record, t.record.c.id == i.record), c.at, [MINE, *where])


def signings() -> Facts:
    c = t.consent.c
    return lines(c.state == ConsentState.GRANTED.value, c.explicit)


def withdrawals(purpose: str) -> Facts:
    c = t.consent.c
    return lines(c.state == ConsentState.WITHDRAWN.value, c.purpose.in_((purpose, MARKETING)))


def bounces() -> Facts:
    return lines(t.consent.c.state == ConsentState.UNDELIVERABLE.value)


def grants(purpose: str) -> Facts:
    facts = signings()
    c = t.consent.c
    bounce, left = t.consent.alias(), t.consent.alias()
    theirs, other = t.identifier.alias(), t.record.alias()
    dead = exists().where(bounce.c.address == c.address, bounce.c.state == ConsentState.UNDELIVERABLE.value)
    withdrawn = exists().where(
        other.c.person == t.record.c.person,
        theirs.c.record == other.c.id,
        theirs.c.kind.concat("") == "email",  # so that no index by kind is tried: see `lines`
        left.c.address == theirs.c.value,
        left.c.state == ConsentState.WITHDRAWN.value,
        left.c.purpose.in_((purpose, MARKETING)),
        or_(left.c.at >= c.at, and_(left.c.purpose == purpose, c.purpose != purpose)),
    )
    facts.where += [c.purpose.in_((purpose, MARKETING)), c.at > 0, not_(dead), not_(withdrawn)]
    return facts
