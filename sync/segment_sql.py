"""A rule as one SELECT of the people for whom it holds, on SQLite and on PostgreSQL, and as one of when time turns it.

Says the same as `sync.segment` does of one person; a test holds the two together. Reads nothing itself.

Each condition becomes a set of people, and the rule a WHERE over `person` that asks whether somebody is in it. The
two databases want this asked in different words: SQLite fills a set once for IN, while PostgreSQL plans EXISTS as a
join in either sense, and NOT IN only while the set fits its memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Dialect,
    Double,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from mapping.facts import By, DealState, Way
from mapping.model import MARKETING, ConsentState
from mapping.rules import (
    EVER,
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
    TestKind,
    Top,
    Touched,
    Unanswered,
    Window,
)
from sync.segment import Thresholds, Timed, settled, temporal, tipping
from sync.store import schema as t

People = Select[Any]
"""A select whose one column, `person`, names people, some perhaps twice."""

_NUL, _NO_NUL = "\\u0000", "\\ufffd"
"""PostgreSQL reads no JSON that holds the one character it cannot keep."""


class _Facts:
    """A select of facts, with the columns that say whose each is and when it was."""

    def __init__(self, source: FromClause, at: ColumnElement[Any], where: Sequence[ColumnElement[bool]]) -> None:
        self.source, self.at, self.where = source, at, list(where)
        self.person: ColumnElement[Any] = t.record.c.person

    def people(self, *where: ColumnElement[bool]) -> People:
        """Whose facts these are, a row for each."""
        return select(self.person.label("person")).select_from(self.source).where(*self.where, *where)

    def each(self, *where: ColumnElement[bool]) -> _Facts:
        """The facts of a person, once each."""
        return _Facts(self.source, self.at, [*self.where, *where])


class _Derived(_Facts):
    """Facts worked out from others: a subquery with `person` and `at`."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner, inner.c.at, [])
        self.person = inner.c.person


class _Sales(_Facts):
    """Won deals. Somebody may stand on a deal twice, by two records or beside two organisations."""

    def each(self, *where: ColumnElement[bool]) -> _Facts:
        query = self.people(*where).add_columns(self.at.label("at"), t.deal.c.id, t.deal.c.amount)
        return _Derived(query.distinct().subquery())


class Compiler:
    """Compiles rules for one database, moment and set of thresholds. Without thresholds the best are counted on the
    spot, which is one pass instead of two for a rule that is asked once."""

    def __init__(self, dialect: Dialect, moment: Moment, thresholds: Thresholds | None = None) -> None:
        self.lite = dialect.name == "sqlite"
        self.moment, self.thresholds = moment, thresholds

    # ---- who? ----------------------------------------------------------------------------------------------

    def people(self, rule: Rule) -> People:
        """The ids of everybody for whom the rule holds, as `person`."""
        return select(t.person.c.id.label("person")).where(self.holds(rule))

    def holds(self, rule: Rule) -> ColumnElement[bool]:
        """Whether the rule holds for a row of `person`."""
        match rule:
            case All(parts):
                return and_(true(), *(self.holds(part) for part in parts))
            case Either(parts):
                return or_(false(), *(self.holds(part) for part in parts))
            case Not(part):
                return not_(self.holds(part))
        return self._holds(rule)

    def _holds(self, rule: Condition) -> ColumnElement[bool]:
        if isinstance(rule, Touched | Said | Unanswered | Bought | Top):
            return self._happened(rule)
        match rule:
            case FieldTest(name, test, organization):
                return (
                    self._organization(name, test)
                    if organization
                    else self._test(self._value(name, odd=_odd(test)), test)
                )
            case Related():
                return self._among(self._related(rule))
            case Consented():
                return self._consented(rule)
            case Anniversary():
                return self._anniversary(rule)
            case Listed():
                return self._among(self._listed(rule))
            case InSegment(_, inner):
                return false() if inner is None else self.holds(inner)

    def _happened(self, rule: Touched | Said | Unanswered | Bought | Top) -> ColumnElement[bool]:
        match rule:
            case Touched(least=least, most=most):
                return self._counted(_touches(rule), rule.window, least, most)
            case Said(least=least, most=most):
                return self._counted(self._scores(rule), rule.window, least, most)
            case Unanswered():
                return self._among(self._unanswered(rule))
            case Bought(measure=Measure.COUNT):
                return self._counted(_sales(rule), rule.window, rule.least or 0, rule.most)
            case Bought():
                return self._sold(rule)
            case Top():
                return self._top(rule)

    def _among(self, people: People) -> ColumnElement[bool]:
        """Whether a person is one of these."""
        if self.lite:
            return t.person.c.id.in_(people)
        one = people.subquery()
        return exists().where(one.c.person == t.person.c.id).correlate(t.person)

    def _inside(self, at: ColumnElement[Any], window: Window) -> list[ColumnElement[bool]]:
        low, high = window.bounds(self.moment)
        return [at <= high] if low < 0 else [at > low, at <= high]

    def _counted(self, facts: _Facts, window: Window, least: int, most: int | None) -> ColumnElement[bool]:
        where = [] if least == 0 else [self._at_least(facts, window, least)]
        if most is not None:
            where.append(not_(self._at_least(facts, window, most + 1)))
        return and_(true(), *where)

    def _at_least(self, facts: _Facts, window: Window, count: int) -> ColumnElement[bool]:
        inside = self._inside(facts.at, window)
        if count == 1:
            return self._among(facts.people(*inside))
        once = facts.each(*inside)
        return self._among(once.people().group_by(once.person).having(func.count() >= count))

    def _related(self, rule: Related) -> People:
        facts = _relations(rule)
        return facts.people(*([] if rule.window.open else self._inside(facts.at, rule.window)))

    def _last_words(self, rule: Unanswered) -> tuple[Select[Any], ColumnElement[Any], ColumnElement[Any]]:
        """When people last turned to the business, and it to them."""
        facts = _words(rule)
        way = t.touchpoint.c.way
        came = func.max(case((way == Way.IN.value, facts.at)))
        answered = func.max(case((way == Way.OUT.value, facts.at)))
        query = facts.people(facts.at <= self.moment.now).group_by(facts.person)
        return query, came, answered

    def _unanswered(self, rule: Unanswered) -> People:
        query, came, answered = self._last_words(rule)
        return query.having(*self._inside(came, rule.window), or_(answered.is_(None), answered < came))

    def _totals(self, rule: Bought | Top) -> Select[Any]:
        """Everybody who bought, how much, and how often."""
        sales = _sales(rule)
        once = sales.each(*self._inside(sales.at, rule.window))
        total, times = func.sum(once.source.c.amount).label("total"), func.count().label("times")
        return once.people().add_columns(total, times).group_by(once.person)

    def _sold(self, rule: Bought) -> ColumnElement[bool]:
        totals = self._totals(rule).subquery()
        total, times = totals.c.total, totals.c.times if rule.measure is Measure.AVERAGE else literal(1)
        enough, fewer = [], []
        if rule.least is not None:
            enough.append(total >= rule.least * times)
            fewer.append(rule.least <= 0)
        if rule.most is not None:
            enough.append(total <= rule.most * times)
            fewer.append(rule.most >= 0)
        some = self._among(select(totals.c.person).where(*enough))
        if rule.measure is Measure.SUM and all(fewer):  # who bought nothing has a sum, too
            return or_(some, not_(self._among(select(totals.c.person))))
        return some

    def _top(self, rule: Top) -> ColumnElement[bool]:
        if self.thresholds is None:
            return self._among(select(self._best(rule).subquery().c.person))
        need = self.thresholds.get(rule)
        if need is None:
            return false()
        totals = self._totals(rule).subquery()
        return self._among(select(totals.c.person).where(totals.c.total >= max(need, 1)))

    def threshold(self, rule: Top) -> Select[Any]:
        """What one must have bought to be among the best; no row, or NULL, where nobody bought anything."""
        return select(cast(func.min(self._best(rule).subquery().c.total), BigInteger))

    def _best(self, rule: Top) -> Select[Any]:
        """The best, and what they bought for."""
        totals = self._totals(rule).subquery()
        total = totals.c.total
        place = func.rank().over(order_by=total.desc()).label("place")
        everybody = func.count().over().label("everybody")
        ranked = select(totals.c.person, total, place, everybody).where(total > 0).subquery()
        best = (ranked.c.place - 1) * 1000 < rule.share * ranked.c.everybody
        return select(ranked.c.person, ranked.c.total).where(best)

    def _consented(self, rule: Consented) -> ColumnElement[bool]:
        window = rule.window
        granted = _grants(rule.purpose)
        left, bounced = _withdrawals(rule.purpose), _bounces()
        order = [
            (ConsentState.GRANTED, granted),
            (ConsentState.WITHDRAWN, left),
            (ConsentState.UNDELIVERABLE, bounced),
        ]
        before: list[ColumnElement[bool]] = []
        for state, facts in order:
            if state is rule.state:
                inside = [] if window.open else self._inside(facts.at, window)
                return and_(self._among(facts.people(*inside)), *before)
            before.append(not_(self._among(facts.people())))
        return and_(*before)

    def _anniversary(self, rule: Anniversary) -> ColumnElement[bool]:
        if rule.name in (SIGNED_UP, FIRST_PURCHASE):
            facts = _signings() if rule.name == SIGNED_UP else _sales(Bought())
            first = func.min(facts.at)
            spans = [and_(first >= start, first < end) for start, end in rule.spans(self.moment)]
            return self._among(facts.people(facts.at > 0).group_by(facts.person).having(or_(false(), *spans)))
        value = self._value(rule.name)
        dated = func.substr(value.text, 1, 10)
        if rule.years is not None:
            days = [day.isoformat() for day in rule.dates(self.moment)]
            return func.coalesce(dated.in_(days), false()) == true()
        days = rule.month_days(self.moment)
        whole = and_(func.substr(value.text, 6, 5).in_(days), self._is_date(value.text))
        return func.coalesce(or_(value.text.in_(days), whole), false()) == true()

    def _scores(self, rule: Said) -> _Facts:
        c = t.feedback.c
        where: list[ColumnElement[bool]] = [_MINE]
        if rule.kinds:
            where.append(self._folded(c.kind).in_(rule.kinds))
        if rule.score_least is not None:
            where.append(c.score >= rule.score_least)
        if rule.score_most is not None:
            where.append(c.score <= rule.score_most)
        return _Facts(t.feedback.join(t.record, t.record.c.id == c.record), c.at, where)

    def _listed(self, rule: Listed) -> People:
        source = t.listed.join(t.listing, t.listing.c.id == t.listed.c.listing)
        source = source.join(t.record, t.record.c.id == t.listed.c.record)
        where: list[ColumnElement[bool]] = [self._folded(t.listing.c.title) == rule.title]
        if rule.connection:
            where.append(t.listing.c.connection == rule.connection)
        return select(t.record.c.person.label("person")).select_from(source).where(_MINE, *where)

    def _organization(self, name: str, test: Test) -> ColumnElement[bool]:
        source = t.tie.join(t.organization, t.organization.c.id == t.tie.c.organization)
        source = source.join(t.record, t.record.c.id == t.tie.c.record)
        column = {"name": t.organization.c.name, "domain": t.organization.c.domain}.get(name)
        odd = _odd(test)
        value = _Plain(column) if column is not None else self._json(t.organization.c.fields, name, odd=odd)
        people = select(t.record.c.person.label("person")).select_from(source)
        return self._among(people.where(_MINE, t.tie.c.until.is_(None), self._test(value, test)))

    # ---- values --------------------------------------------------------------------------------------------

    def _value(self, name: str, *, odd: bool = False) -> _Value:
        return self._json(t.person.c.fields, name, odd=odd)

    def _json(self, document: ColumnElement[Any], name: str, *, odd: bool) -> _Value:
        """A value of a document. Only who asks for the *odd* sign that stands for NUL sees the difference on SQLite,
        where it costs the memory of documents that were read already."""
        if self.lite and not odd:
            return _LiteJson(document, name)
        safe = func.replace(document, _NUL, _NO_NUL)
        return _LiteJson(safe, name) if self.lite else _PostgresJson(safe, name)

    def _folded(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.lower(text) if self.lite else func.lower(text.collate("C"))

    def _like(self, text: ColumnElement[Any], form: str) -> ColumnElement[bool]:
        """Whether a text begins with a date of this form; M, D and Y stand for digits."""
        if self.lite:
            pattern = "".join("[0-9]" if sign in "YMD" else sign for sign in form)
            return text.op("GLOB")(pattern + "*")
        return text.op("~")("^" + "".join("[0-9]" if sign in "YMD" else sign for sign in form))

    def _is_date(self, text: ColumnElement[Any]) -> ColumnElement[bool]:
        return self._like(text, "YYYY-MM-DD")

    def _test(self, value: _Value, test: Test) -> ColumnElement[bool]:
        match test.kind:
            case TestKind.EMPTY:
                return or_(value.absent, and_(value.is_text, value.text == ""))
            case TestKind.IS:
                return or_(false(), *(self._is(value, wanted) for wanted in test.values))
            case TestKind.CONTAINS:
                part = str(test.values[0])
                found = func.instr if self.lite else func.strpos
                text = value.sure(value.is_text, found(self._folded(value.text), part) > 0)
                member = value.has_member(lambda one: self._folded(one) == part)
                return text if member is None else or_(text, member)
            case TestKind.NUMBER:
                number = value.number
                tests = [] if test.least is None else [number >= test.least]
                tests += [] if test.most is None else [number <= test.most]
                return value.sure(value.is_number, *tests)
            case TestKind.DATE:
                first, last = test.days(self.moment)
                start = func.substr(value.text, 1, 10)
                day: ColumnElement[Any] = start if self.lite else start.collate("C")
                inside = and_(day >= first, day <= last, self._is_date(value.text))  # which no other kind of value is
                return func.coalesce(inside, false()) == true()
        raise AssertionError(test.kind)

    def _is(self, value: _Value, wanted: str | float | bool) -> ColumnElement[bool]:
        if isinstance(wanted, bool):
            return value.is_flag(wanted)
        if isinstance(wanted, str):
            return value.sure(value.is_text, self._folded(value.text) == wanted)
        return value.sure(value.is_number, value.number == wanted)

    # ---- until when? ---------------------------------------------------------------------------------------

    def turns(self, rule: Rule) -> Select[Any] | None:
        """When time alone may next change whose membership: `person`, `at`. None where it never does."""
        still, moving = settled(rule)
        parts = [query for part in moving for one in temporal(part) for query in self._turns(one)]
        if not parts:
            return None
        every = union_all(*parts).subquery()
        first = select(every.c.person, func.min(every.c.at).label("at")).group_by(every.c.person).subquery()
        people = t.person.join(first, first.c.person == t.person.c.id)
        query = select(t.person.c.id.label("person"), first.c.at).select_from(people).where(first.c.at.is_not(None))
        return query.where(*(self.holds(part) for part in still))

    def _turns(self, rule: Timed) -> list[Select[Any]]:
        match rule:
            case Related():
                facts = _relations(rule)
                return self._edges(facts, rule.window, (1,))
            case Touched():
                return self._edges(_touches(rule), rule.window, tipping(rule))
            case Said():
                return self._edges(self._scores(rule), rule.window, tipping(rule))
            case Bought():
                return self._edges(_sales(rule), rule.window, tipping(rule))
            case Consented():
                return self._edges(_lines(t.consent.c.state == rule.state.value), rule.window, None)
            case Unanswered():
                query, came, _ = self._last_words(rule)
                inner = query.add_columns(came.label("at")).subquery()
                return [
                    *self._edges(_Derived(inner), rule.window, (1,)),
                    *self._edges(_words(rule), EVER, ()),
                ]

    def _edges(self, facts: _Facts, window: Window, counts: tuple[int, ...] | None) -> list[Select[Any]]:
        """As `sync.segment.edges`: the next to come in, and when so many have left that a count tips."""
        low, high = window.fixed(self.moment)
        fixed = [facts.at > low] if low >= 0 else []
        if high is not None:
            fixed.append(facts.at <= high)
        newest = self.moment.now - window.older
        coming = facts.people(*fixed, facts.at > newest).add_columns((facts.at + window.older).label("at"))
        found = [coming]
        if window.within is None:
            return found
        inside = self._inside(facts.at, window)
        if counts is None or counts == (1,):
            last = func.min(facts.at) if counts is None else func.max(facts.at)
            leaving = facts.people(*inside).add_columns((last + window.within).label("at"))
            found.append(leaving.group_by(facts.person))
        elif counts:
            once = facts.each(*inside)
            place = func.row_number().over(partition_by=once.person, order_by=once.at.desc()).label("place")
            placed = once.people().add_columns(once.at.label("at"), place).subquery()
            leaving = select(placed.c.person, (placed.c.at + window.within).label("at"))
            found.append(leaving.where(placed.c.place.in_(counts)))
        return found


def _odd(test: Test) -> bool:
    return any(isinstance(value, str) and "\ufffd" in value for value in test.values)


# ---- facts ---------------------------------------------------------------------------------------------------------

_MINE = t.record.c.person.is_not(None)


def _touches(rule: Touched) -> _Facts:
    c = t.touchpoint.c
    where: list[ColumnElement[bool]] = [_MINE]
    if rule.kinds:
        where.append(c.kind.in_([kind.value for kind in rule.kinds]))
    if rule.channels:
        where.append(c.channel.in_([channel.value for channel in rule.channels]))
    if rule.by is not None:
        where.append(c.by == rule.by.value)
    if rule.way is not None:
        where.append(c.way == rule.way.value)
    return _Facts(t.touchpoint.join(t.record, t.record.c.id == c.record), c.at, where)


def _words(rule: Unanswered) -> _Facts:
    facts = _touches(Touched(rule.kinds))
    c = t.touchpoint.c
    facts.where += [c.way.in_([Way.IN.value, Way.OUT.value]), c.by != By.MACHINE.value]
    return facts


def _sales(rule: Bought | Top) -> _Facts:
    c = t.deal.c
    source = t.deal.join(t.deal_party, t.deal_party.c.deal == c.id)
    source = source.join(t.record, t.record.c.id == t.deal_party.c.record)
    where: list[ColumnElement[bool]] = [_MINE, c.state == DealState.WON.value]
    if rule.currency:
        where.append(c.currency == rule.currency)
    return _Sales(source, c.closed, where)


def _relations(rule: Related) -> _Facts:
    r = t.relationship.c
    where: list[ColumnElement[bool]] = [r.until.is_(None)]
    if rule.roles:
        where.append(r.role.in_(rule.roles))
    if rule.stages:
        where.append(r.stage.in_(rule.stages))
    facts = _Facts(t.relationship, r.since, where)
    facts.person = r.person
    return facts


def _lines(*where: ColumnElement[bool]) -> _Facts:
    """Lines of the consent ledger about people's addresses."""
    c, i = t.consent.c, t.identifier.c
    # Without statistics SQLite takes `kind = 'email'` for rare and begins there, with everybody's addresses. That the
    # kind seems to depend on the line makes it begin with the ledger.
    kind = func.coalesce(func.nullif("email", c.address), "email")
    source = t.consent.join(t.identifier, and_(i.kind == kind, i.value == c.address))
    return _Facts(source.join(t.record, t.record.c.id == i.record), c.at, [_MINE, *where])


def _signings() -> _Facts:
    c = t.consent.c
    return _lines(c.state == ConsentState.GRANTED.value, c.explicit)


def _withdrawals(purpose: str) -> _Facts:
    c = t.consent.c
    return _lines(c.state == ConsentState.WITHDRAWN.value, c.purpose.in_((purpose, MARKETING)))


def _bounces() -> _Facts:
    return _lines(t.consent.c.state == ConsentState.UNDELIVERABLE.value)


def _grants(purpose: str) -> _Facts:
    facts = _signings()
    c = t.consent.c
    bounce, left = t.consent.alias(), t.consent.alias()
    theirs, other = t.identifier.alias(), t.record.alias()
    dead = exists().where(bounce.c.address == c.address, bounce.c.state == ConsentState.UNDELIVERABLE.value)
    withdrawn = exists().where(
        other.c.person == t.record.c.person,
        theirs.c.record == other.c.id,
        theirs.c.kind.concat("") == "email",  # so that no index by kind is tried: see `_lines`
        left.c.address == theirs.c.value,
        left.c.state == ConsentState.WITHDRAWN.value,
        left.c.purpose.in_((purpose, MARKETING)),
        left.c.at >= c.at,
    )
    facts.where += [c.purpose.in_((purpose, MARKETING)), c.at > 0, not_(dead), not_(withdrawn)]
    return facts


# ---- values in JSON ------------------------------------------------------------------------------------------------


class _Value(Protocol):
    """One value: its text and number, and what it is. `sure` is never NULL, so that `not` turns it round."""

    @property
    def text(self) -> ColumnElement[Any]: ...
    @property
    def number(self) -> ColumnElement[Any]: ...
    @property
    def absent(self) -> ColumnElement[bool]: ...
    @property
    def is_text(self) -> ColumnElement[bool]: ...
    @property
    def is_number(self) -> ColumnElement[bool]: ...
    def is_flag(self, wanted: bool) -> ColumnElement[bool]: ...
    def has_member(self, test: Any) -> ColumnElement[bool] | None: ...
    def sure(self, *tests: ColumnElement[bool]) -> ColumnElement[bool]: ...


def _sure(*tests: ColumnElement[bool]) -> ColumnElement[bool]:
    return case((tests[0], func.coalesce(and_(true(), *tests[1:]), false())), else_=false()) == true()


class _Plain:
    """A column of text."""

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.text = column
        self.number = cast(literal(0), Double)
        self.absent = column.is_(None)
        self.is_text: ColumnElement[bool] = true()
        self.is_number: ColumnElement[bool] = false()

    def is_flag(self, wanted: bool) -> ColumnElement[bool]:
        return false()

    def has_member(self, test: Any) -> ColumnElement[bool] | None:
        return None

    def sure(self, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
        return and_(*tests)


class _LiteJson:
    """A value in a JSON document, on SQLite."""

    def __init__(self, document: ColumnElement[Any], name: str) -> None:
        path = f'$."{name}"'
        self._document, self._path = document, path
        kind = func.json_type(document, path)
        self._kind = kind
        self.text = func.json_extract(document, path)
        self.number = self.text
        self.absent = or_(kind.is_(None), kind == "null")
        self.is_text = kind == "text"
        self.is_number = kind.in_(("integer", "real"))

    def is_flag(self, wanted: bool) -> ColumnElement[bool]:
        return self.sure(self._kind == ("true" if wanted else "false"))

    def has_member(self, test: Any) -> ColumnElement[bool] | None:
        each = func.json_each(self._document, self._path).table_valued("value", "type")
        found = exists().select_from(each).where(each.c.type == "text", test(each.c.value))
        return self.sure(self._kind == "array", found)

    def sure(self, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
        return _sure(*tests)


class _PostgresJson:
    """A value in a JSON document, on PostgreSQL. CASE keeps it from reading as a number what is none."""

    def __init__(self, document: ColumnElement[Any], name: str) -> None:
        value = cast(document, JSONB)[name]
        self._value = value
        self._kind = func.jsonb_typeof(value)
        self.text = value.astext
        self.number = cast(value.astext, Double)
        self.absent = or_(self._kind.is_(None), self._kind == "null")
        self.is_text = self._kind == "string"
        self.is_number = self._kind == "number"

    def is_flag(self, wanted: bool) -> ColumnElement[bool]:
        return self.sure(self._kind == "boolean", self.text == ("true" if wanted else "false"))

    def has_member(self, test: Any) -> ColumnElement[bool] | None:
        array = case((self._kind == "array", self._value), else_=literal_column("'[]'::jsonb"))
        each = func.jsonb_array_elements(array).table_valued("value")
        element = cast(each.c.value, JSONB)
        text = element.op("#>>", return_type=String())(cast(literal("{}"), ARRAY(String)))
        return exists().select_from(each).where(func.jsonb_typeof(element) == "string", test(text))

    def sure(self, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
        return _sure(*tests)
