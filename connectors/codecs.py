"""Spellings that several platforms share: how a value of theirs reads as ours, and back.

Each pair obeys `read(write(x)) == x` for what it may write. A value that makes no sense raises ValueError, whose text
people read: it names the value and says what was expected. The connector then leaves that field out of the record and
names it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache

from mapping.fields import Codec
from mapping.model import Millis, Value
from mapping.values import blank

DAY: Millis = 86_400_000
_LONGEST_SHOWN = 40
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def senseless(value: object, what: str, expected: str) -> ValueError:
    """That *value* is not *what* it should be, in words for people: "yesterday" is no date (expected …)."""
    text = str(value)
    text = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    return ValueError(f'"{text}" is {what} (expected {expected})')


def millis(stamp: str | None, read: Callable[[str], datetime] = datetime.fromisoformat) -> Millis:
    """Milliseconds of an ISO time with zone, or of milliseconds as text; 0 where there is none, or none that is."""
    if not stamp:
        return 0
    try:
        return round(read(stamp).timestamp() * 1000)
    except (ValueError, OverflowError):
        return int(stamp) if stamp.isdecimal() else 0


def iso_second(at: Millis) -> str:
    """ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def iso_z(at: Millis) -> str:
    """ISO 8601 in UTC, to the second, with a Z: RFC 3339 as most platforms ask for it."""
    return datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix_seconds(at: Millis) -> int:
    """Seconds since 1970 UTC."""
    return at // 1000


def read_number(raw: Value) -> Value:
    """A number from its text: whole where it is whole."""
    if isinstance(raw, int | float):
        return raw
    text = str(raw).strip()
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise senseless(text, "no number", "digits, as in 12 or 12.5")
    return number


def write_number(value: Value) -> Value:
    return str(value)


def read_flag(raw: Value) -> Value:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word not in ("true", "false"):
        raise senseless(raw, "neither yes nor no", "true or false")
    return word == "true"


def write_flag(value: Value) -> Value:
    return "true" if value else "false"


def read_date(raw: Value) -> Value:
    """YYYY-MM-DD from a date, a time in ISO form, or milliseconds at UTC midnight."""
    return _date(str(raw).strip())


@lru_cache(maxsize=65536)
def _date(text: str) -> str:
    try:
        if re.fullmatch(r"-?\d{6,}", text):
            return datetime.fromtimestamp(int(text) / 1000, UTC).date().isoformat()
        return date.fromisoformat(text[:10]).isoformat()
    except (ValueError, OverflowError, OSError):
        raise senseless(text, "no date", "year-month-day, as in 2026-03-31") from None


def write_date(value: Value) -> Value:
    return read_date(value)


def read_choices(raw: Value) -> Value:
    """A set from texts joined by semicolons."""
    if isinstance(raw, list):
        return sorted({str(part) for part in raw})
    return sorted({part.strip() for part in str(raw).split(";") if part.strip()})


def write_choices(value: Value) -> Value:
    members = [value] if isinstance(value, str) else value
    if any(";" in member for member in members):
        found = next(member for member in members if ";" in member)
        raise senseless(found, "no single choice there", "one without a semicolon")
    return ";".join(sorted(set(members)))


def month_day(raw: Value) -> Value:
    """MM-DD from MM-DD, MM/DD or a whole date."""
    return _month_day(str(raw).strip())


@lru_cache(maxsize=16384)
def _month_day(text: str) -> str:
    found = re.fullmatch(r"(?:\d{4}[-/])?(\d{1,2})[-/](\d{1,2})", text)
    if not found:
        raise senseless(text, "no birthday", "month-day, as in 03-31")
    month, day = int(found[1]), int(found[2])
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        raise senseless(text, "no day of the year", "month-day, as in 03-31")
    return f"{month:02}-{day:02}"


def slash_day(value: Value) -> Value:
    """MM/DD from MM-DD."""
    return str(month_day(value)).replace("-", "/")


def read_parts(names: Mapping[str, str]) -> Codec:
    """One address from a platform's parts; *names* maps our part to theirs."""

    pairs = tuple(names.items())

    def read(raw: Value) -> Value:
        if not isinstance(raw, dict):
            raise senseless(raw, "no postal address", "street, city and postcode, each by itself")
        get = raw.get
        return {
            ours: part
            for ours, theirs in pairs
            if (part := get(theirs)) and isinstance(part, str) and not part.isspace()
        }

    return read


def write_parts(names: Mapping[str, str], folded: Callable[[dict[str, str]], dict[str, str]] | None = None) -> Codec:
    """A platform's parts from one address: all of them, blank where ours is, so that two are never mixed."""

    def write(value: Value) -> Value:
        if not isinstance(value, Mapping):
            raise senseless(value, "no postal address", "street, city and postcode, each by itself")
        parts = {key: str(part) for key, part in value.items() if part}
        if folded is not None:
            parts = folded(parts)
        return {theirs: parts.get(ours, "") for ours, theirs in names.items()}

    return write


def put(fields: dict[str, Value], name: str, read: Codec, raw: Value, problems: list[str]) -> None:
    """Set a field by its codec; a value that makes no sense is left out and named."""
    try:
        value = read(raw)
    except ValueError as error:
        problems.append(f"{name}: {error}")
        return
    except (TypeError, KeyError, ArithmeticError):
        problems.append(f"{name}: has another shape than the platform's documentation says")
        return
    if not blank(value):
        fields[name] = value
