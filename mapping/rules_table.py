"""One condition's table as an owner wrote it: gives each key as what it should be, or says what is wrong with it.

What the keys mean together is left to `mapping.rules_read`.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from mapping.facts import Touch
from mapping.model import Millis
from mapping.money import places
from mapping.rules import DAY, Window, folded

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
        Touch.COMMENTED,
        Touch.REACTED,
        Touch.REVIEWED,
    ),
}
"""Words that stand for several kinds of touchpoints."""

_UNITS = {"h": DAY // 24, "d": DAY, "w": 7 * DAY, "y": 365 * DAY}


class RuleError(Exception):
    """A rule that is not understood: where in its tree, what is wrong, and what to do."""

    def __init__(self, where: Where, text: str, fix: str = "") -> None:
        super().__init__(f"{text} {fix}".strip())
        self.where, self.text, self.fix = where, text, fix


class Table:
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

    def finish(self, head: str, also: Iterable[str]) -> None:
        """Raises RuleError for a key that nobody asked for. *also* are others that it might have been."""
        for key in self.tree:
            if key not in self.known:
                known = [*self.known, *also]
                fix = near(key, known) or f"Known here: {', '.join(dict.fromkeys(known))}."
                raise self.wrong(str(key), f'"{head}" knows no "{key}".', fix)

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"expected text in quotes, found {shown(value)}.")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.take(key)
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, Sequence) or not values or not all(isinstance(v, str) and v.strip() for v in values):
            raise self.wrong(
                key, f'expected text in quotes, or a list such as ["first", "second"], found {shown(value)}.'
            )
        return tuple(text.strip() for text in values)

    def name(self, key: str) -> str:
        name = self.text(key)
        if not re.fullmatch(r"[\w .-]{1,80}", name):
            raise self.wrong(key, f"{shown(name)} is no name of a field.")
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
                raise self.wrong(key, f"{shown(one)} is not known; expected {listed(known)}.", near(one, known))
        return tuple(kind(one) for one in given)

    def kinds(self, key: str) -> tuple[Touch, ...]:
        """Kinds of touchpoints; empty stands for any."""
        found: list[Touch] = []
        known = [*(kind.value for kind in Touch), *GROUPS]
        for one in self.texts(key):
            if one not in known:
                raise self.wrong(key, f"{shown(one)} is not known; expected {listed(known)}.", near(one, known))
            if one == "anything":
                return ()
            found += GROUPS.get(one) or (Touch(one),)
        return tuple(dict.fromkeys(found))

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.wrong(key, f"expected true or false, found {shown(value)}.")
        return value

    def number(self, key: str) -> float | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, f"expected a number, found {shown(value)}.")
        return value

    def whole(self, key: str) -> int | None:
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.wrong(key, f"expected a whole number, found {shown(value)}.")
        return value

    def money(self, key: str, currency: str) -> int | None:
        value = self.number(key)
        return None if value is None else round(value * 10 ** places(currency))

    def values(self, key: str, *, several: bool) -> tuple[str | float | bool, ...]:
        value = self.take(key)
        given = value if several and isinstance(value, Sequence) and not isinstance(value, str) else (value,)
        if not given or not all(isinstance(one, str | int | float | bool) for one in given):
            wanted = 'a list such as ["first", "second"]' if several else "text, a number, true or false"
            raise self.wrong(key, f"expected {wanted}, found {shown(value)}.")
        return tuple(folded_nfc(one) if isinstance(one, str) else one for one in given)

    def share(self) -> int:
        """A share in thousandths."""
        value = self.take("share")
        found = re.fullmatch(r"(\d{1,3}(?:\.\d)?)\s*%", value.strip()) if isinstance(value, str) else None
        thousandths = round(float(found[1]) * 10) if found else 0
        if not 1 <= thousandths <= 1000:
            raise self.wrong("share", f'expected a share such as "20%", found {shown(value)}.')
        return thousandths

    def duration(self, key: str) -> Millis | None:
        value = self.take(key)
        if value is None:
            return None
        found = re.fullmatch(r"(\d{1,5})\s*([hdwy])", value.strip()) if isinstance(value, str) else None
        if not found or not int(found[1]):
            raise self.wrong(key, f'expected a time such as "12h", "90d", "6w" or "1y", found {shown(value)}.')
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
            raise self.wrong(key, f'expected a date such as "2026-01-31", found {shown(value)}.') from None

    def window(self) -> Window:
        return Window(self.duration("within"), self.duration("older_than") or 0, self.day("after"), self.day("before"))


def folded_nfc(text: str) -> str:
    """Text as rules compare it."""
    return folded(unicodedata.normalize("NFC", text))


def near(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'Did you mean "{found[0]}"?' if found else ""


def listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def shown(value: object) -> str:
    if value is None:
        return "nothing"
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
