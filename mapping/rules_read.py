"""Reads a rule as an owner writes it: tables of `all`, `any`, `not` and conditions, as TOML gives them.

Each kind of condition has a key of its own (`role`, `touched`, `bought`...) and a few keys beside it. What is not
understood raises `RuleError`, which says where, what was expected, and which known word is nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mapping.facts import FEEDBACK, By, Channel, Way
from mapping.model import MARKETING, ConsentState, Role, Stage
from mapping.rules import (
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
)
from mapping.rules_table import SPOKEN, RuleError, Table, Where, folded_nfc, listed, near, shown

__all__ = ["CONDITIONS", "RuleError", "read_rule"]


def read_rule(tree: object, where: Where = ()) -> Rule:
    """The rule that *tree* says. Raises RuleError."""
    if not isinstance(tree, Mapping):
        raise RuleError(where, f'expected a condition such as {{ role = "customer" }}, found {shown(tree)}.')
    table = Table(tree, where)
    found = [key for key in (*_TREE, *_HEADS) if key in tree]
    heads = [key for key in found if not (key == "stage" and "role" in found)]
    if not heads:
        known = [*_TREE, *_HEADS]
        if not tree:
            raise RuleError(where, "this condition is empty.", f"Known are {listed(known)}.")
        first = next(iter(map(str, tree)))
        fix = near(first, known) or f"A condition has one of {listed(known)}."
        raise RuleError((*where, first), f'there is no condition "{first}".', fix)
    if len(heads) > 1:
        both = f'"{heads[0]}" and "{heads[1]}"'
        raise RuleError((*where, heads[1]), f"{both} are two conditions.", "Put each in { } of its own.")
    rule = (_TREE.get(heads[0]) or _HEADS[heads[0]])(table)
    table.finish(heads[0], _ALSO.get(heads[0], ()))
    return rule


# ---- the tree ------------------------------------------------------------------------------------------------------


def _parts(table: Table, key: str) -> tuple[Rule, ...]:
    parts = table.take(key)
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise table.wrong(key, f"expected a list of conditions, found {shown(parts)}.")
    return tuple(read_rule(part, (*table.where, key, number)) for number, part in enumerate(parts))


def _all(table: Table) -> Rule:
    return All(_parts(table, "all"))


def _any(table: Table) -> Rule:
    return Either(_parts(table, "any"))


def _not(table: Table) -> Rule:
    inner = table.take("not")
    if isinstance(inner, Sequence) and not isinstance(inner, str):
        raise table.wrong("not", "expected one condition, found a list.", "Write not = { any = [...] }.")
    return Not(read_rule(inner, (*table.where, "not")))


# ---- conditions ----------------------------------------------------------------------------------------------------


def _field(table: Table) -> Rule:
    return _tested(table, table.name("field"), organization=False)


def _organization(table: Table) -> Rule:
    return _tested(table, table.name("organization"), organization=True)


def _works_at(table: Table) -> Rule:
    values = table.texts("works_at")
    test = Test(TestKind.IS, tuple(folded_nfc(value) for value in values))
    return Either((FieldTest("domain", test, organization=True), FieldTest("name", test, organization=True)))


_TESTS = ("is", "is_not", "in", "not_in", "contains", "empty", "at_least", "at_most")
_DATE_TESTS = ("after", "before", "within", "older_than", "within_next")


def _tested(table: Table, name: str, *, organization: bool) -> Rule:
    given = [key for key in (*_TESTS, *_DATE_TESTS) if key in table.tree]
    if not given:
        known = listed([*_TESTS, *_DATE_TESTS])
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


def _date_test(table: Table) -> Test:
    return Test(
        TestKind.DATE,
        after=table.day("after"),
        before=table.day("before"),
        past=table.days("within"),
        older=table.days("older_than"),
        ahead=table.days("within_next"),
    )


def _related(table: Table) -> Rule:
    roles = table.words("role", Role) if "role" in table.tree else ()
    stages = table.words("stage", Stage) if "stage" in table.tree else ()
    return Related(tuple(map(str, roles)), tuple(map(str, stages)), table.window())


def _touched(table: Table) -> Rule:
    kinds = table.kinds("touched")
    channels = table.words("channel", Channel) if "channel" in table.tree else ()
    by = table.word("by", By) if "by" in table.tree else None
    way = table.word("way", Way) if "way" in table.tree else None
    return _counted(table, Touched(kinds, channels, by, way))


def _unanswered(table: Table) -> Rule:
    kinds = SPOKEN if table.tree["unanswered"] is True else table.kinds("unanswered") or SPOKEN
    table.take("unanswered")
    return Unanswered(kinds, table.window())


_BOUGHT = ("count", "sum", "average", "top")


def _bought(table: Table) -> Rule:
    what = table.take("bought")
    what = "count" if what is True else what
    if what not in _BOUGHT:
        fix = near(str(what), _BOUGHT)
        raise table.wrong("bought", f"{shown(what)} is not known; expected true, {listed(_BOUGHT)}.", fix)
    currency = table.text("currency").upper() if "currency" in table.tree else ""
    if what == "top":
        return Top(table.share(), currency, table.window())
    if what == "count":
        return _counted(table, Bought(currency=currency))
    least, most = (table.money(key, currency) for key in ("at_least", "at_most"))
    if least is None and most is None:
        raise table.wrong("bought", "how much is missing.", "Add at_least or at_most.")
    return Bought(Measure(str(what)), least, most, currency, table.window())


def _said(table: Table) -> Rule:
    kinds = () if table.tree["feedback"] is True else tuple(folded_nfc(kind) for kind in table.texts("feedback"))
    table.take("feedback")
    for kind in kinds:
        if kind not in FEEDBACK:
            text = f"{shown(kind)} is not known; expected true, {listed(FEEDBACK)}."
            raise table.wrong("feedback", text, near(kind, FEEDBACK))
    return _counted(table, Said(kinds, table.number("score_at_least"), table.number("score_at_most")))


def _consent(table: Table) -> Rule:
    state = table.word("consent", ConsentState)
    purpose = table.text("purpose") if "purpose" in table.tree else MARKETING
    if state is ConsentState.UNKNOWN and (given := [key for key in _WINDOW if key in table.tree]):
        raise table.wrong(given[0], "what is unknown has no time.", "Leave it out.")
    return Consented(state, purpose, table.window())


def _anniversary(table: Table) -> Rule:
    name = table.name("anniversary")
    days = table.days("within_next")
    years = table.whole("years")
    if years is not None and not 1 <= years <= 100:
        raise table.wrong("years", f"expected 1 to 100, found {years}.")
    if days is not None and not 1 <= days <= 366:
        raise table.wrong("within_next", "expected 1 to 366 days.")
    return Anniversary(name, 1 if days is None else days, years)


def _listed_at(table: Table) -> Rule:
    connection = table.text("connection") if "connection" in table.tree else ""
    titles = table.texts("listed")
    parts = tuple(Listed(folded_nfc(title), connection) for title in titles)
    return parts[0] if len(parts) == 1 else Either(parts)


def _segment(table: Table) -> Rule:
    return InSegment(table.text("segment"))


_TREE: Mapping[str, Callable[[Table], Rule]] = {"all": _all, "any": _any, "not": _not}
_HEADS: Mapping[str, Callable[[Table], Rule]] = {
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


def _counted(table: Table, one: Touched | Bought | Said) -> Rule:
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


def _short(table: Table, one: Touched | Bought | Said, key: str) -> Rule:
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
