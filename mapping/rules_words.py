"""Says in words what a rule asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mapping.model import MARKETING, Millis
from mapping.money import major
from mapping.rules import (
    DAY,
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
from mapping.rules_table import GROUPS


def say(rule: Rule) -> str:
    """The rule as a person would say it."""
    match rule:
        case All(parts):
            return " and ".join(_in_brackets(part) for part in parts) or "everybody"
        case Either(parts):
            return " or ".join(_in_brackets(part) for part in parts) or "nobody"
        case Not(part):
            return f"not ({say(part)})"
        case FieldTest(name, test, organization):
            whose = "their organisation's " if organization else ""
            return f"{whose}{name} {_test(test)}"
        case Related(roles, stages, window):
            words = ([_either(roles)] if roles else []) + ([f"in {_either(stages)}"] if stages else [])
            return " ".join([*words, *(["since"] if not window.open else []), *_window(window)])
        case Unanswered(window=window):
            return " ".join(["turned to you", *_window(window), "and nobody has answered"])
        case Consented(state, purpose, window):
            what = "" if purpose == MARKETING else f" for {purpose}"
            return " ".join([f"consent{what} is {state.value}", *_window(window)])
        case Anniversary(name, days, years):
            when = "today" if days == 1 else f"within the next {days} days"
            return f"{_plain(name)} comes round {when}" + (f", {years} years on" if years else "")
        case Listed(title, connection):
            return f'on the list or tag "{title}"' + (f" at {connection}" if connection else "")
        case InSegment(name):
            return f"in the segment {name}"
        case Top(share, _, window):
            return " ".join([f"among the best {share / 10:g} % by what they bought", *_window(window)])
    return _facts(rule)


def _facts(rule: Touched | Bought | Said) -> str:
    match rule:
        case Touched():
            return _counted(_touched(rule), rule.window, rule.least, rule.most)
        case Said():
            scores = [] if rule.score_least is None else [f"of {rule.score_least:g} or more"]
            scores += [] if rule.score_most is None else [f"of {rule.score_most:g} or less"]
            what = " or ".join(rule.kinds) or "any"
            return _counted(" ".join([f"gave feedback ({what})", *scores]), rule.window, rule.least, rule.most)
        case Bought(measure=Measure.COUNT):
            return _counted("bought", rule.window, rule.least or 0, rule.most)
        case Bought(measure, least, most, currency):
            what = "bought for" if measure is Measure.SUM else "bought on average for"
            amounts = [] if least is None else [f"at least {amount(least, currency)}"]
            amounts += [] if most is None else [f"at most {amount(most, currency)}"]
            return " ".join([what, " and ".join(amounts), *_window(rule.window)])


def amount(smallest: int, currency: str) -> str:
    """Money, from the currency's smallest unit."""
    return f"{major(smallest, currency):,f} {currency}".strip()


def span(millis: Millis) -> str:
    """A time in days or hours."""
    size, word = (DAY, "day") if millis % DAY == 0 else (DAY // 24, "hour")
    return f"{millis // size} {word}" + ("" if millis == size else "s")


def _touched(rule: Touched) -> str:
    group = next((name for name, kinds in GROUPS.items() if kinds and kinds == rule.kinds), "")
    kinds = group or _either(rule.kinds) or "any touchpoint"
    words = [kinds]
    if rule.channels:
        words.append(f"by {_either(rule.channels)}")
    if rule.by is not None:
        words.append(f"by a {rule.by.value}" if rule.by.value != "unknown" else "by nobody knows whom")
    if rule.way is not None:
        words.append("from them" if rule.way.value == "in" else "from you")
    return " ".join(words)


def _counted(what: str, window: Window, least: int, most: int | None) -> str:
    when = list(_window(window))
    if most == 0:
        return " ".join(["never" if window.open else "not", what, *when])
    times = [] if (least, most) == (1, None) else [f"at least {least} times"]
    if most is not None:
        times = [f"at most {most} times" if least == 0 else f"{least} to {most} times"]
    return " ".join([what, *when, *times])


def _window(window: Window) -> Iterable[str]:
    if window.within is not None:
        yield f"within {span(window.within)}"
    if window.older:
        yield f"more than {span(window.older)} ago"
    if window.after:
        yield f"from {window.after} on"
    if window.before:
        yield f"before {window.before}"


def _test(test: Test) -> str:
    match test.kind:
        case TestKind.EMPTY:
            return "is empty"
        case TestKind.IS:
            return "is " + _either([_value(value) for value in test.values])
        case TestKind.CONTAINS:
            return f"contains {_value(test.values[0])}"
        case TestKind.NUMBER:
            parts = [] if test.least is None else [f"at least {test.least:g}"]
            return "is " + " and ".join(parts + ([] if test.most is None else [f"at most {test.most:g}"]))
    parts = [f"from {test.after} on"] if test.after else []
    parts += [f"before {test.before}"] if test.before else []
    parts += [f"in the last {test.past} days"] if test.past is not None else []
    parts += [f"more than {test.older} days ago"] if test.older is not None else []
    parts += [f"in the next {test.ahead} days"] if test.ahead is not None else []
    return "is " + " and ".join(parts)


def _value(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _either(words: Sequence[str]) -> str:
    *most, last = [str(word) for word in words] or [""]
    return f"{', '.join(most)} or {last}" if most else last


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _in_brackets(rule: Rule) -> str:
    return f"({say(rule)})" if isinstance(rule, All | Either) and len(rule.parts) > 1 else say(rule)
