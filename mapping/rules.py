"""Rules of segments: a tree of conditions over everything known of one person.

A rule is data. `mapping.rules_read` makes one from what an owner wrote, `mapping.rules_words` says it in words,
`sync.segment` judges one person by it and `sync.segment_sql` asks the store for everybody, with the same meaning.

Text is compared without regard to the case of A to Z, which is what both databases and Python agree on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from mapping.facts import By, Channel, Touch, Way
from mapping.model import MARKETING, ConsentState, Millis

DAY: Millis = 86_400_000
SIGNED_UP, FIRST_PURCHASE = "signed_up", "first_purchase"
"""Dates that are no fields: of the first recorded grant, and of the first won deal."""

EMAIL = "email"
"""The address under which somebody is listed. It is no chosen value: addresses are not chosen among."""

DATES = (SIGNED_UP, FIRST_PURCHASE)

OLDEST = 100
"""How many years back an anniversary is looked for."""


class Moment(NamedTuple):
    """When a rule is judged: a time, and the business's own time zone, which says what day it is."""

    now: Millis
    zone: tzinfo = UTC

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.now / 1000, self.zone).date()

    def start(self, day: date) -> Millis:
        """When a day begins in the business's time zone."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp() * 1000)

    @property
    def midnight(self) -> Millis:
        """When the next day begins."""
        return self.start(self.today + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Window:
    """Which times count: later than *within* ago, at least *older* ago, from the day *after* on, before the day
    *before*. A time that is unknown counts only where the window is open; what is still to come, never."""

    within: Millis | None = None
    older: Millis = 0
    after: str = ""
    before: str = ""

    @property
    def open(self) -> bool:
        return self == Window()

    def fixed(self, moment: Moment) -> tuple[Millis, Millis | None]:
        """The part that stands still: a time counts where low < time, and time <= high."""
        low = -1 if self.within is None and not self.older and not self.after and not self.before else 0
        if self.after:
            low = moment.start(date.fromisoformat(self.after)) - 1
        high = moment.start(date.fromisoformat(self.before)) - 1 if self.before else None
        return low, high

    def bounds(self, moment: Moment) -> tuple[Millis, Millis]:
        """A time counts now where low < time <= high."""
        low, high = self.fixed(moment)
        if self.within is not None:
            low = max(low, moment.now - self.within)
        newest = moment.now - self.older
        return low, newest if high is None else min(high, newest)


EVER = Window()


class TestKind(StrEnum):
    """What is asked of a value."""

    IS = "is"
    CONTAINS = "contains"
    EMPTY = "empty"
    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Test:
    """A question to one value. IS: one of `values`. CONTAINS: the text, or the member of a set, `values[0]`.
    NUMBER: between `least` and `most`. DATE: from the day `after` on, before the day `before`; `past` and `older` are
    days ago, `ahead` days from today."""

    kind: TestKind
    values: tuple[str | float | bool, ...] = ()
    least: float | None = None
    most: float | None = None
    after: str = ""
    before: str = ""
    past: int | None = None
    older: int | None = None
    ahead: int | None = None

    @property
    def calendar(self) -> bool:
        """Whether the answer may change with the day."""
        return not (self.past is None and self.older is None and self.ahead is None)

    def days(self, moment: Moment) -> tuple[str, str]:
        """A date counts where first <= date <= last, as text."""
        firsts, lasts = [self.after or "0000-00-00"], ["9999-99-99"]
        today = moment.today
        if self.before:
            lasts.append((date.fromisoformat(self.before) - timedelta(days=1)).isoformat())
        if self.past is not None:
            firsts.append((today - timedelta(days=self.past)).isoformat())
            lasts.append(today.isoformat())
        if self.older is not None:
            lasts.append((today - timedelta(days=self.older + 1)).isoformat())
        if self.ahead is not None:
            firsts.append(today.isoformat())
            lasts.append((today + timedelta(days=self.ahead)).isoformat())
        return max(firsts), min(lasts)


@dataclass(frozen=True, slots=True)
class All:
    """Each of them holds; of none, always."""

    parts: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of them holds."""

    parts: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Rule


@dataclass(frozen=True, slots=True)
class FieldTest:
    """A chosen value of the person, or of an organisation that they belong to."""

    name: str
    test: Test
    organization: bool = False


@dataclass(frozen=True, slots=True)
class Related:
    """What they are to the business now, and since when."""

    roles: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    window: Window = EVER


@dataclass(frozen=True, slots=True)
class Touched:
    """How many touchpoints there are; empty `kinds`, `channels`, `by` and `way` stand for any."""

    kinds: tuple[Touch, ...] = ()
    channels: tuple[Channel, ...] = ()
    by: By | None = None
    way: Way | None = None
    window: Window = EVER
    least: int = 1
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """They wrote, called or asked last, in the window, and no human being of the business has answered since."""

    kinds: tuple[Touch, ...]
    window: Window = EVER


class Measure(StrEnum):
    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Bought:
    """Won deals and paid orders. Amounts are in the currency's smallest unit."""

    measure: Measure = Measure.COUNT
    least: int | None = 1
    most: int | None = None
    currency: str = ""
    window: Window = EVER


@dataclass(frozen=True, slots=True)
class Top:
    """Among the best by what they bought: this share, in thousandths, of everybody who bought anything."""

    share: int
    currency: str = ""
    window: Window = EVER


@dataclass(frozen=True, slots=True)
class Said:
    """How often they said something when asked, or unasked."""

    kinds: tuple[str, ...] = ()
    score_least: float | None = None
    score_most: float | None = None
    window: Window = EVER
    least: int = 1
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Consented:
    """What they want, over all their addresses. GRANTED: a grant of their own stands at an address that mail reaches.
    Else WITHDRAWN where they ever left, else UNDELIVERABLE where mail bounced, else UNKNOWN."""

    state: ConsentState
    purpose: str = MARKETING
    window: Window = EVER


@dataclass(frozen=True, slots=True)
class Anniversary:
    """The day comes round within `days` from today, today among them; `years` says which time it is. Who was born on
    29 February celebrates on the 28th in other years."""

    name: str
    days: int
    years: int | None = None

    def dates(self, moment: Moment) -> list[date]:
        """The days that come round, of the last `OLDEST` years."""
        found: set[date] = set()
        for ahead in range(self.days):
            day = moment.today + timedelta(days=ahead)
            for years in range(1, OLDEST + 1) if self.years is None else (self.years,):
                found.update(_round(day, day.year - years))
        return sorted(found)

    def month_days(self, moment: Moment) -> list[str]:
        """The same as MM-DD, of any year."""
        days = [moment.today + timedelta(days=ahead) for ahead in range(min(self.days, 366))]
        found = {f"{day:%m-%d}" for day in days}
        if any(day.month == 2 and day.day == 28 and not _leap(day.year) for day in days):
            found.add("02-29")
        return sorted(found)

    def spans(self, moment: Moment) -> list[tuple[Millis, Millis]]:
        """The same as times, start <= time < end, days that follow each other put together."""
        spans: list[tuple[Millis, Millis]] = []
        for day in self.dates(moment):
            start, end = moment.start(day), moment.start(day + timedelta(days=1))
            if spans and spans[-1][1] == start:
                start = spans.pop()[0]
            if end > 0:
                spans.append((start, end))
        return spans


@dataclass(frozen=True, slots=True)
class Listed:
    """On a list, or with a tag, of this title at a platform."""

    title: str
    connection: str = ""


@dataclass(frozen=True, slots=True)
class InSegment:
    """In another segment; `rule` is that segment's once the rules are linked."""

    name: str
    rule: Rule | None = None


Condition: TypeAlias = (
    FieldTest | Related | Touched | Unanswered | Bought | Top | Said | Consented | Anniversary | Listed | InSegment
)
Rule: TypeAlias = All | Either | Not | Condition


class Circle(Exception):
    """Segments that rest on each other, in a circle."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(" → ".join(names))
        self.names = names


def link(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """The same rules with each segment that one names put in. Raises Circle, and KeyError for an unknown name."""
    done: dict[str, Rule] = {}

    def whole(name: str, above: tuple[str, ...]) -> Rule:
        if name in above:
            raise Circle((*above[above.index(name) :], name))
        if name not in done:
            done[name] = put(rules[name], (*above, name))
        return done[name]

    def put(rule: Rule, above: tuple[str, ...]) -> Rule:
        match rule:
            case All(parts):
                return All(tuple(put(part, above) for part in parts))
            case Either(parts):
                return Either(tuple(put(part, above) for part in parts))
            case Not(part):
                return Not(put(part, above))
            case InSegment(name):
                return InSegment(name, whole(name, above))
        return rule

    return {name: whole(name, ()) for name in rules}


def conditions(rule: Rule) -> Iterator[Condition]:
    """Every condition of a rule, those of segments that it names among them."""
    match rule:
        case All(parts) | Either(parts):
            for part in parts:
                yield from conditions(part)
        case Not(part):
            yield from conditions(part)
        case InSegment(_, inner):
            yield rule
            if inner is not None:
                yield from conditions(inner)
        case _:
            yield rule


def by_the_day(rule: Rule) -> bool:
    """Whether memberships are looked at again when a day begins: dates come round, and the best are counted anew."""
    return any(
        isinstance(one, Anniversary | Top) or (isinstance(one, FieldTest) and one.test.calendar)
        for one in conditions(rule)
    )


def by_the_clock(rule: Rule) -> bool:
    """Whether time alone, counted from something that happened, may change a membership."""
    return any(isinstance(one, Touched | Unanswered | Bought | Said) or _windowed(one) for one in conditions(rule))


def _windowed(one: Condition) -> bool:
    return isinstance(one, Related | Consented) and not one.window.open


def text_of(rule: object) -> str:
    """A rule as text that changes whenever its meaning does."""
    if is_dataclass(rule) and not isinstance(rule, type):
        inner = (f"{f.name}={text_of(getattr(rule, f.name))}" for f in fields(rule))
        return f"{type(rule).__name__}({', '.join(inner)})"
    if isinstance(rule, tuple):
        return f"({', '.join(map(text_of, rule))})"
    return str(rule.value) if isinstance(rule, StrEnum) else repr(rule)


_SMALL = {sign: sign + 32 for sign in range(ord("A"), ord("Z") + 1)}


def folded(text: str) -> str:
    """Text as it is compared: A to Z in small letters, all else as it is."""
    return text.translate(_SMALL)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _round(day: date, year: int) -> Iterator[date]:
    """The days of *year* that come round on *day*."""
    if year < 1:
        return
    if (day.month, day.day) != (2, 29) or _leap(year):
        yield day.replace(year=year)
    if (day.month, day.day) == (2, 28) and not _leap(day.year) and _leap(year):
        yield date(year, 2, 29)
