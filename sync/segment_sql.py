"""A rule as one SELECT of the people for whom it holds, on SQLite and on PostgreSQL.

Says the same as `sync.segment` does of one person; a test holds the two together. Reads nothing itself. Each condition
becomes a set of people (`sync.segment_sql_facts`) or a question to a value (`sync.segment_sql_values`), and the rule
puts them together (`sync.segment_sql_sets`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Dialect, FromClause, Select, and_, cast, false, func, literal, or_, select, true

from mapping.model import ConsentState
from mapping.rules import (
    EMAIL,
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
    Test,
    Top,
    Touched,
    Unanswered,
    Window,
)
from sync.segment_sql_facts import (
    MINE,
    Facts,
    bounces,
    grants,
    inside,
    last_words,
    relations,
    sales,
    scores,
    signings,
    touches,
    withdrawals,
)
from sync.segment_sql_sets import AllBut, Asked, Chosen, Named, People, both, either, everybody, others
from sync.segment_sql_values import Plain, Questions
from sync.store import schema as t


class Compiler:
    """Compiles rules for one database and moment. *best* are tables that hold what `best` gives of a rule; others are
    counted on the spot."""

    def __init__(self, dialect: Dialect, moment: Moment, best: Mapping[Top, FromClause] | None = None) -> None:
        self.moment = moment
        self.questions = Questions(dialect, moment)
        self._best = best or {}

    def people(self, rule: Rule) -> People:
        """The ids of everybody for whom the rule holds, as `person`, once each."""
        return everybody(self._chosen(rule, None))

    def best(self, rule: Top) -> Select[Any]:
        """The best, and what they bought for: `person`, `total`."""
        totals = self._totals(rule, None).subquery()
        total = totals.c.total
        place = func.rank().over(order_by=total.desc()).label("place")
        buyers = func.count().over().label("buyers")
        ranked = select(totals.c.person, total, place, buyers).where(total > 0).subquery()
        first = (ranked.c.place - 1) * 1000 < rule.share * ranked.c.buyers
        return select(ranked.c.person, cast(ranked.c.total, BigInteger).label("total")).where(first)

    def threshold(self, rule: Top) -> Select[Any]:
        """What one must have bought to be among the best; NULL where nobody bought anything."""
        best = self._best.get(rule)
        return select(func.min((self.best(rule).subquery() if best is None else best).c.total))

    # ---- who? ----------------------------------------------------------------------------------------------

    def _chosen(self, rule: Rule, among: People | None) -> Chosen:
        """Who is chosen of *among*, where it names anybody; of others it does not matter."""
        match rule:
            case All(parts):
                return self._all(parts, among)
            case Either(parts):
                return either(self._chosen(part, among) for part in parts)
            case Not(part):
                return others(self._chosen(part, among))
            case InSegment(_, inner):
                return Asked(false()) if inner is None else self._chosen(inner, among)
        return self._condition(rule, among)

    def _all(self, parts: tuple[Rule, ...], among: People | None) -> Chosen:
        """Where a role is asked beside something that must be counted, only who has it is counted."""
        roles = [self._related(part) for part in parts if isinstance(part, Related)]
        narrow = roles[0] if roles else among
        return both(self._chosen(part, narrow) for part in parts)

    def _condition(self, rule: Condition, among: People | None) -> Chosen:
        match rule:
            case Touched(least=least, most=most):
                return self._counted(touches(rule), rule.window, least, most, among)
            case Said(least=least, most=most):
                return self._counted(scores(rule, self.questions.folded), rule.window, least, most, among)
            case Bought(measure=Measure.COUNT):
                return self._counted(sales(rule), rule.window, rule.least or 0, rule.most, among)
            case Bought():
                return self._sold(rule, among)
            case Top():
                best = self._best.get(rule)
                return Named(select((self.best(rule).subquery() if best is None else best).c.person))
            case Unanswered():
                return Named(self._unanswered(rule, among))
        return self._known(rule)

    def _known(self, rule: FieldTest | Related | Consented | Anniversary | Listed | InSegment) -> Chosen:
        match rule:
            case FieldTest(name, test, organization):
                if organization:
                    return Named(self._organization(name, test))
                if name == EMAIL:
                    return Asked(self.questions.ask(Plain(t.person.c.email), test))
                return Asked(self.questions.ask(self.questions.value(t.person.c.fields, name, test), test))
            case Related():
                return Named(self._related(rule))
            case Consented():
                return self._consented(rule)
            case Anniversary():
                return self._anniversary(rule)
            case Listed():
                return Named(self._listed(rule))
        raise AssertionError(rule)

    # ---- what happened -------------------------------------------------------------------------------------

    def _counted(self, facts: Facts, window: Window, least: int, most: int | None, among: People | None) -> Chosen:
        parts: list[Chosen] = [] if least == 0 else [Named(self._at_least(facts, window, least, among))]
        if most is not None:
            parts.append(AllBut(self._at_least(facts, window, most + 1, among)))
        return both(parts)

    def _at_least(self, facts: Facts, window: Window, count: int, among: People | None) -> People:
        counting = inside(facts.at, window, self.moment)
        if count == 1:
            return facts.people(*counting)
        once = facts.each(*counting, *facts.among(among))
        return once.people().group_by(once.person).having(func.count() >= count)

    def _unanswered(self, rule: Unanswered, among: People | None) -> People:
        query, came, answered = last_words(rule, self.moment, among)
        return query.having(*inside(came, rule.window, self.moment), or_(answered.is_(None), answered < came))

    def _totals(self, rule: Bought | Top, among: People | None) -> Select[Any]:
        """Everybody who bought, how much, and how often."""
        facts = sales(rule)
        once = facts.each(*inside(facts.at, rule.window, self.moment), *facts.among(among))
        total, times = func.sum(once.source.c.amount).label("total"), func.count().label("times")
        return once.people().add_columns(total, times).group_by(once.person)

    def _sold(self, rule: Bought, among: People | None) -> Chosen:
        totals = self._totals(rule, among).subquery()
        total, times = totals.c.total, totals.c.times if rule.measure is Measure.AVERAGE else literal(1)
        enough, fewer = [], []
        if rule.least is not None:
            enough.append(total >= rule.least * times)
            fewer.append(rule.least <= 0)
        if rule.most is not None:
            enough.append(total <= rule.most * times)
            fewer.append(rule.most >= 0)
        some = Named(select(totals.c.person).where(*enough))
        if rule.measure is Measure.SUM and all(fewer):  # who bought nothing has a sum, too
            return either((some, AllBut(select(totals.c.person))))
        return some

    # ---- what is known -------------------------------------------------------------------------------------

    def _related(self, rule: Related) -> People:
        facts = relations(rule)
        return facts.people(*([] if rule.window.open else inside(facts.at, rule.window, self.moment)))

    def _consented(self, rule: Consented) -> Chosen:
        window = rule.window
        order = [
            (ConsentState.GRANTED, grants(rule.purpose)),
            (ConsentState.WITHDRAWN, withdrawals(rule.purpose)),
            (ConsentState.UNDELIVERABLE, bounces()),
        ]
        before: list[Chosen] = []
        for state, facts in order:
            if state is rule.state:
                counting = [] if window.open else inside(facts.at, window, self.moment)
                return both((Named(facts.people(*counting)), *before))
            before.append(AllBut(facts.people()))
        return both(before)

    def _anniversary(self, rule: Anniversary) -> Chosen:
        if rule.name in (SIGNED_UP, FIRST_PURCHASE):
            facts = signings() if rule.name == SIGNED_UP else sales(Bought())
            first = func.min(facts.at)
            spans = [and_(first >= start, first < end) for start, end in rule.spans(self.moment)]
            return Named(facts.people(facts.at > 0).group_by(facts.person).having(or_(false(), *spans)))
        value = self.questions.value(t.person.c.fields, rule.name)
        if rule.years is not None:
            days = [day.isoformat() for day in rule.dates(self.moment)]
            return Asked(func.coalesce(func.substr(value.text, 1, 10).in_(days), false()) == true())
        return Asked(self.questions.comes_round(value, rule.month_days(self.moment)))

    def _listed(self, rule: Listed) -> People:
        source = t.listed.join(t.listing, t.listing.c.id == t.listed.c.listing)
        source = source.join(t.record, t.record.c.id == t.listed.c.record)
        where = [self.questions.folded(t.listing.c.title) == rule.title]
        if rule.connection:
            where.append(t.listing.c.connection == rule.connection)
        return select(t.record.c.person.label("person")).select_from(source).where(MINE, *where)

    def _organization(self, name: str, test: Test) -> People:
        source = t.tie.join(t.organization, t.organization.c.id == t.tie.c.organization)
        source = source.join(t.record, t.record.c.id == t.tie.c.record)
        column = {"name": t.organization.c.name, "domain": t.organization.c.domain}.get(name)
        asked = self.questions
        value = Plain(column) if column is not None else asked.value(t.organization.c.fields, name, test)
        people = select(t.record.c.person.label("person")).select_from(source)
        return people.where(MINE, t.tie.c.until.is_(None), asked.ask(value, test))
