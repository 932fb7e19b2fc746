"""Reads a rule as an owner writes it: tables of `all`, `any`, `not` and conditions, as TOML gives them.

Each kind of condition has a key of its own (`role`, `touched`, `bought`...) and a few keys beside it. What is not
understood raises `RuleError`, which says where, what was expected, and which known word is nearest.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from mapping.facts import By, Channel, Touch, Way
from mapping.model import MARKETING, ConsentState, Millis, Role, Stage
from mapping.rules import (
    DAY,
    EVER,
    All,
    Anniversary,
    Bought,
    Consented,
    Either,
    FieldTest,
    InSegment,
    Listed,
    Measure,
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

Where = tuple[str | int, ...]
_Word = TypeVar("_Word", bound=StrEnum)

SPOKEN = (Touch.REPLIED, Touch.WROTE, Touch.CALLED, Touch.MET, Touch.CHATTED, Touch.TICKET)
GROUPS: Mapping[str, tuple[Touch, ...]] = {
    "anything": (),
    "spoken": SPOKEN,
    "engaged": (
        Touch.OPENED,
        Touch.CLICKED,
        *SPOKEN,
        Touch.PURCHASED,
        Touch.MENTIONED,
        Touch.REVIEWED,
    ),
}
"""Words that stand for several kinds of touchpoints."""

_UNITS = {"h": DAY // 24, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}
_NO_CENTS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF")
) | {"XPF"}
_THREE = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


class RuleError(Exception):
    """A rule that is not understood: where in its tree, what is wrong, and what to do."""

    def __init__(self, where: Where, text: str, fix: str = "") -> None:
        super().__init__(f"{text} {fix}".strip())
        self.where, self.text, self.fix = where, text, fix


def read_rule(tree: object, where: Where = ()) -> Rule:
    """The rule that *tree* says. Raises RuleError."""
    if not isinstance(tree, Mapping):
        raise RuleError(where, f'expected a condition such as {{ role = "customer" }}, found {_shown(tree)}.')
    table = _Table(tree, where)
    found = [key for key in (*_TREE, *_HEADS) if key in tree]
    heads = [key for key in found if not (key == "stage" and "role" in found)]
    if not heads:
        known = [*_TREE, *_HEADS]
        if not tree:
            raise RuleError(where, "this condition is empty.", f"Known are {_listed(known)}.")
        first = next(iter(map(str, tree)))
        fix = _near(first, known) or f"A condition has one of {_listed(known)}."
        raise RuleError((*where, first), f'there is no condition "{first}".', fix)
    if len(heads) > 1:
        both = f'"{heads[0]}" and "{heads[1]}"'
        raise RuleError((*where, heads[1]), f"{both} are two conditions.", "Put each in { } of its own.")
    rule = (_TREE.get(heads[0]) or _HEADS[heads[0]])(table)
    table.finish(heads[0])
    return rule


# ---- the tree ------------------------------------------------------------------------------------------------------


def _parts(table: _Table, key: str) -> tuple[Rule, ...]:
    parts = table.take(key)
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise table.wrong(key, f"expected a list of conditions, found {_shown(parts)}.")
    return tuple(read_rule(part, (*table.where, key, number)) for number, part in enumerate(parts))


def _all(table: _Table) -> Rule:
    return All(_parts(table, "all"))


def _any(table: _Table) -> Rule:
    return Either(_parts(table, "any"))


def _not(table: _Table) -> Rule:
    inner = table.take("not")
    if isinstance(inner, Sequence) and not isinstance(inner, str):
        raise table.wrong("not", "expected one condition, found a list.", "Write not = { any = [...] }.")
    return Not(read_rule(inner, (*table.where, "not")))


# ---- conditions ----------------------------------------------------------------------------------------------------


def _field(table: _Table) -> Rule:
    return _tested(table, table.name("field"), organization=False)


def _organization(table: _Table) -> Rule:
    return _tested(table, table.name("organization"), organization=True)


def _works_at(table: _Table) -> Rule:
    values = table.texts("works_at")
    test = Test(TestKind.IS, tuple(folded_nfc(value) for value in values))
    return Either((FieldTest("domain", test, organization=True), FieldTest("name", test, organization=True)))


_TESTS = ("is", "is_not", "in", "not_in", "contains", "empty", "at_least", "at_most")
_DATE_TESTS = ("after", "before", "within", "older_than", "within_next")


def _tested(table: _Table, name: str, *, organization: bool) -> Rule:
    given = [key for key in (*_TESTS, *_DATE_TESTS) if key in table.tree]
    if not given:
        known = _listed([*_TESTS, *_DATE_TESTS])
        key = "organization" if organization else "field"
        raise table.wrong(key, f'what is asked of "{name}" is missing.', f"Add one of {known}.")
    numbers = {"at_least", "at_most"}
    if len(given) > 1 and not (set(given) <= numbers or set(given) <= set(_DATE_TESTS)):
        raise table.wrong(given[1], f'"{given[0]}" and "{given[1]}" are two questions.', "Put each in { } of its own.")
    if set(given) <= numbers:
        least, most = table.number("at_least"), table.number("at_most")
        return FieldTest(name, Test(TestKind.NUMBER, least=least, most=most), organization)
    if set(given) <= set(_DATE_TESTS):
        return FieldTest(name, _date_test(table), organization)
    key = given[0]
    if key == "empty":
        empty = FieldTest(name, Test(TestKind.EMPTY), organization)
        return empty if table.flag("empty") else Not(empty)
    if key == "contains":
        return FieldTest(name, Test(TestKind.CONTAINS, (folded_nfc(table.text("contains")),)), organization)
    values = table.values(key, several=key in ("in", "not_in"))
    test = FieldTest(name, Test(TestKind.IS, values), organization)
    return Not(test) if key in ("is_not", "not_in") else test


def _date_test(table: _Table) -> Test:
    return Test(
        TestKind.DATE,
        after=table.day("after"),
        before=table.day("before"),
        past=table.days("within"),
        older=table.days("older_than"),
        ahead=table.days("within_next"),
    )


def _related(table: _Table) -> Rule:
    roles = table.words("role", Role) if "role" in table.tree else ()
    stages = table.words("stage", Stage) if "stage" in table.tree else ()
    return Related(tuple(map(str, roles)), tuple(map(str, stages)), table.window())


def _touched(table: _Table) -> Rule:
    kinds = table.kinds("touched")
    channels = table.words("channel", Channel) if "channel" in table.tree else ()
    by = table.word("by", By) if "by" in table.tree else None
    way = table.word("way", Way) if "way" in table.tree else None
    return _counted(table, Touched(kinds, channels, by, way))


def _unanswered(table: _Table) -> Rule:
    kinds = SPOKEN if table.tree["unanswered"] is True else table.kinds("unanswered") or SPOKEN
    table.take("unanswered")
    return Unanswered(kinds, table.window())


_BOUGHT = ("count", "sum", "average", "top")


def _bought(table: _Table) -> Rule:
    what = table.take("bought")
    what = "count" if what is True else what
    if what not in _BOUGHT:
        fix = _near(str(what), _BOUGHT)
        raise table.wrong("bought", f"{_shown(what)} is not known; expected true, {_listed(_BOUGHT)}.", fix)
    currency = table.text("currency").upper() if "currency" in table.tree else ""
    if what == "top":
        return Top(table.share(), currency, table.window())
    if what == "count":
        return _counted(table, Bought(currency=currency))
    least, most = (table.money(key, currency) for key in ("at_least", "at_most"))
    if least is None and most is None:
        raise table.wrong("bought", "how much is missing.", "Add at_least or at_most.")
    return Bought(Measure(str(what)), least, most, currency, table.window())


def _said(table: _Table) -> Rule:
    kinds = () if table.tree["feedback"] is True else tuple(folded_nfc(kind) for kind in table.texts("feedback"))
    table.take("feedback")
    return _counted(table, Said(kinds, table.number("score_at_least"), table.number("score_at_most")))


def _consent(table: _Table) -> Rule:
    state = table.word("consent", ConsentState)
    purpose = table.text("purpose") if "purpose" in table.tree else MARKETING
    if state is ConsentState.UNKNOWN and (given := [key for key in _WINDOW if key in table.tree]):
        raise table.wrong(given[0], "what is unknown has no time.", "Leave it out.")
    return Consented(state, purpose, table.window())


def _anniversary(table: _Table) -> Rule:
    name = table.name("anniversary")
    days = table.days("within_next")
    years = table.whole("years")
    if years is not None and not 1 <= years <= 100:
        raise table.wrong("years", f"expected 1 to 100, found {years}.")
    if days is not None and not 1 <= days <= 366:
        raise table.wrong("within_next", "expected 1 to 366 days.")
    return Anniversary(name, 1 if days is None else days, years)


def _listed_at(table: _Table) -> Rule:
    connection = table.text("connection") if "connection" in table.tree else ""
    titles = table.texts("listed")
    parts = tuple(Listed(folded_nfc(title), connection) for title in titles)
    return parts[0] if len(parts) == 1 else Either(parts)


def _segment(table: _Table) -> Rule:
    return InSegment(table.text("segment"))


_TREE: Mapping[str, Callable[[_Table], Rule]] = {"all": _all, "any": _any, "not": _not}
_HEADS: Mapping[str, Callable[[_Table], Rule]] = {
    "field": _field,
    "role": _related,
    "stage": _related,
    "touched": _touched,
    "unanswered": _unanswered,
    "bought": _bought,
    "feedback": _said,
    "consent": _consent,
    "anniversary": _anniversary,
    "listed": _listed_at,
    "works_at": _works_at,
    "organization": _organization,
    "segment": _segment,
}
CONDITIONS = tuple(_HEADS)

# ---- how many, and when --------------------------------------------------------------------------------------------

_WINDOW = ("within", "older_than", "after", "before")
_SHORT = ("none_within", "never", "last_before", "first_within")


def _counted(table: _Table, one: Touched | Bought | Said) -> Rule:
    """A count in a window, or one of the short forms: never, none within, the last before, the first within."""
    short = [key for key in _SHORT if key in table.tree]
    if short:
        others = [key for key in (*_SHORT, *_WINDOW, "at_least", "at_most") if key in table.tree and key != short[0]]
        if others:
            both = f'"{short[0]}" and "{others[0]}"'
            raise table.wrong(others[0], f"{both} do not go together.", "Put each in { } of its own.")
        return _short(table, one, short[0])
    window, least, most = table.window(), table.whole("at_least"), table.whole("at_most")
    if least is not None and most is not None and least > most:
        raise table.wrong("at_most", f"at most {most} is less than at least {least}.")
    if least is None:
        least = 1 if most is None else 0
    return replace(one, window=window, least=least, most=most)


def _short(table: _Table, one: Touched | Bought | Said, key: str) -> Rule:
    if key == "never":
        if not table.flag("never"):
            raise table.wrong("never", "expected true.", "Leave it out where it may have happened.")
        return replace(one, least=0, most=0)
    span = table.duration(key)
    recent, earlier = Window(within=span), Window(older=span or 0)
    if key == "none_within":
        return replace(one, window=recent, least=0, most=0)
    if key == "last_before":
        return All((replace(one, window=EVER), replace(one, window=recent, least=0, most=0)))
    return All((replace(one, window=recent), replace(one, window=earlier, least=0, most=0)))


class _Table:
    """One condition's table: gives each key once, and knows what it was asked for."""

    def __init__(self, tree: Mapping[str, Any], where: Where) -> None:
        self.tree, self.where = tree, where
        self.known: list[str] = []

    def wrong(self, key: str, text: str, fix: str = "") -> RuleError:
        return RuleError((*self.where, key), text, fix)

    def take(self, key: str) -> Any:
        if key not in self.known:
            self.known.append(key)
        return self.tree.get(key)

    def finish(self, head: str) -> None:
        """Raises RuleError for a key that nobody asked for."""
        for key in self.tree:
            if key not in self.known:
                known = [*self.known, *_ALSO.get(head, ())]
                fix = _near(key, known) or f"Known here: {', '.join(dict.fromkeys(known))}."
                raise self.wrong(str(key), f'"{head}" knows no "{key}".', fix)

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"expected text in quotes, found {_shown(value)}.")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.take(key)
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, Sequence) or not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise self.wrong(
                key, f'expected text in quotes, or a list such as ["first", "second"], found {_shown(value)}.'
            )
        return tuple(text.strip() for text in values)

    def name(self, key: str) -> str:
        name = self.text(key)
        if not re.fullmatch(r"[\w .-]{1,80}", name):
            raise self.wrong(key, f"{_shown(name)} is no name of a field.")
        return name

    def word(self, key: str, kind: type[_Word]) -> _Word:
        return self.words(key, kind, several=False)[0]

    def words(self, key: str, kind: type[_Word], *, several: bool = True) -> tuple[_Word, ...]:
        given = self.texts(key)
        known = [word.value for word in kind if word.value]
        if not several and len(given) > 1:
            raise self.wrong(key, "expected one word, found a list.")
        for one in given:
            if one not in known:
                raise self.wrong(key, f"{_shown(one)} is not known; expected {_listed(known)}.", _near(one, known))
        return tuple(kind(one) for one in given)

    def kinds(self, key: str) -> tuple[Touch, ...]:
        """Kinds of touchpoints; empty stands for any."""
        found: list[Touch] = []
        known = [*(kind.value for kind in Touch), *GROUPS]
        for one in self.texts(key):
            if one not in known:
                raise self.wrong(key, f"{_shown(one)} is not known; expected {_listed(known)}.", _near(one, known))
            if one == "anything":
                return ()
            found += GROUPS.get(one) or (Touch(one),)
        return tuple(dict.fromkeys(found))

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.wrong(key, f"expected true or false, found {_shown(value)}.")
        return value

    def number(self, key: str) -> float | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, f"expected a number, found {_shown(value)}.")
        return value

    def whole(self, key: str) -> int | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.wrong(key, f"expected a whole number, found {_shown(value)}.")
        return value

    def money(self, key: str, currency: str) -> int | None:
        value = self.number(key)
        return None if value is None else round(value * 10 ** digits(currency))

    def values(self, key: str, *, several: bool) -> tuple[str | float | bool, ...]:
        value = self.take(key)
        given = value if several and isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        if not given or not all(isinstance(one, str | int | float | bool) for one in given):
            wanted = 'a list such as ["first", "second"]' if several else "text, a number, true or false"
            raise self.wrong(key, f"expected {wanted}, found {_shown(value)}.")
        return tuple(folded_nfc(one) if isinstance(one, str) else one for one in given)

    def share(self) -> int:
        """A share in thousandths."""
        value = self.take("share")
        found = re.fullmatch(r"(\d{1,3}(?:\.\d)?)\s*%", value.strip()) if isinstance(value, str) else None
        thousandths = round(float(found[1]) * 10) if found else 0
        if not 1 <= thousandths <= 1000:
            raise self.wrong("share", f'expected a share such as "20%", found {_shown(value)}.')
        return thousandths

    def duration(self, key: str) -> Millis | None:
        value = self.take(key)
        if value is None:
            return None
        found = re.fullmatch(r"(\d{1,5})\s*([hdwy])", value.strip()) if isinstance(value, str) else None
        if not found or not int(found[1]):
            raise self.wrong(key, f'expected a time such as "12h", "90d", "6w" or "1y", found {_shown(value)}.')
        return int(found[1]) * _UNITS[found[2]]

    def days(self, key: str) -> int | None:
        """A time in whole days."""
        span = self.duration(key)
        if span is not None and span % DAY:
            raise self.wrong(key, "dates have no hours.", 'Write days, such as "2d".')
        return None if span is None else span // DAY

    def day(self, key: str) -> str:
        """A date as text; nothing where there is none."""
        value = self.take(key)
        if value is None:
            return ""
        try:
            return (value if type(value) is date else date.fromisoformat(str(value))).isoformat()
        except ValueError:
            raise self.wrong(key, f'expected a date such as "2026-01-31", found {_shown(value)}.') from None

    def window(self) -> Window:
        return Window(self.duration("within"), self.duration("older_than") or 0, self.day("after"), self.day("before"))


_ALSO: Mapping[str, tuple[str, ...]] = {
    "touched": (*_SHORT, "channel", "by", "way"),
    "bought": (*_SHORT, "at_least", "at_most", "currency", "share"),
    "feedback": _SHORT,
    "field": (*_TESTS, *_DATE_TESTS),
    "organization": (*_TESTS, *_DATE_TESTS),
    "role": ("stage",),
    "consent": ("purpose",),
    "listed": ("connection",),
}


def digits(currency: str) -> int:
    """How many digits a currency has behind the point."""
    return 0 if currency in _NO_CENTS else 3 if currency in _THREE else 2


def folded_nfc(text: str) -> str:
    """Text as rules compare it."""
    return folded(unicodedata.normalize("NFC", text))


def _near(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'Did you mean "{found[0]}"?' if found else ""


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
