"""How values, times, counts and reasons read in an owner's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mapping.model import Value

BLANK = "(blank)"
CUT = 48

RULES: Mapping[str, str] = {
    "only": "nothing else is known",
    "newest": "the newest that was said",
    "trust": "from the trusted side",
    "kept": "you settled it",
    "union": "all that any side has",
    "undo": "undoes an earlier write",
    "segment": "the segments they are in",
    "belongs": "another connection says so",
    "asked": "you asked for it",
}

KINDS: Mapping[str, str] = {
    "opt_out": "opt-outs",
    "erase": "erasures",
    "update": "updates",
    "create": "new records",
    "archive": "put away",
    "list": "on lists",
    "company": "new companies",
    "tie": "at companies",
    "company_away": "companies put away",
    "task": "tasks",
}

DEED: Mapping[str, str] = {
    "opt_out": "opted out",
    "update": "updated",
    "create": "new record",
    "archive": "put away",
    "list": "list",
    "company": "new company",
    "tie": "company",
    "company_away": "company put away",
    "task": "task",
}
"""What one write is, where `KINDS` counts several."""

FINDINGS: Mapping[str, str] = {
    "conflict": "conflicts: the sides differ and nobody has decided",
    "held": "held: left as it is for a reason",
    "contested": "contested: a value keeps coming back",
    "review": "for review: looks like an edit of a shortened value",
    "duplicate": "second records of one person on one platform",
    "cleared": "cleared by somebody, and not refilled",
    "refused": "refused by the platform",
    "cannot": "cannot be shown there",
}

ONE: Mapping[str, str] = {
    "conflict": "conflict",
    "held": "held",
    "contested": "contested",
    "review": "for review",
    "duplicate": "second record",
    "cleared": "cleared",
    "refused": "refused",
    "cannot": "cannot",
}
"""What one finding is called."""

LISTED = ("contested", "review", "refused", "cannot", "cleared", "held")
"""What `regulars held` lists, in the order in which it matters; conflicts and duplicates have lists of their own."""

DECISIONS: Mapping[str, str] = {
    "same": "said to be the same person",
    "not_same": "said not to be the same person",
    "keep": "a person chose this value",
    "hold": "undone, and held until somebody edits it",
    "lead": "made the leading record",
    "leave_alone": "to be left alone",
    "release": "released",
    "role": "you said what they are to you",
}

CLAIMS: Mapping[str, str] = {
    "first": "stood there when first seen",
    "edit": "set there",
    "clear": "cleared there",
    "cut": "a shortened value was edited there",
}


def shown(value: Value, cut: int = 0) -> str:
    """A value as a person reads it; *cut* is the longest it may be, 0 for no limit."""
    text = _plain(value)
    if cut and len(text) > cut:
        return text[: cut - 1] + "…"
    return text


def _plain(value: Value) -> str:
    if value is None or value in ("", [], {}):
        return BLANK
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set):
        return ", ".join(_plain(part) for part in value)
    if isinstance(value, dict):
        town = " ".join(str(value[part]) for part in ("postcode", "city") if value.get(part))
        parts = (value.get("street"), value.get("street2"), town, value.get("region"), value.get("country"))
        rest = (part for key, part in value.items() if key not in _POSTAL)
        return ", ".join(str(part) for part in (*parts, *rest) if part)
    return "".join(sign if sign.isprintable() else " " for sign in str(value))


_POSTAL = frozenset({"street", "street2", "postcode", "city", "region", "country"})


def zone(name: str) -> ZoneInfo | None:
    """A time zone by name; None where this machine does not have it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def when(millis: int | None, timezone: str = "UTC") -> str:
    """A moment in the business's own time, to the minute."""
    if not millis:
        return "never"
    return datetime.fromtimestamp(millis / 1000, zone(timezone) or UTC).strftime("%Y-%m-%d %H:%M")


def ago(millis: int, now: int) -> str:
    """How long ago, roughly."""
    if not millis:
        return "never"
    seconds = max(0, (now - millis) // 1000)
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count(seconds // size, word)} ago"
    return "just now"


def count(number: int, word: str, plural: str = "") -> str:
    """`1 person`, `1,234 people`."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def label(name: str, labels: Mapping[str, str]) -> str:
    """A field's name for people."""
    return labels.get(name) or name.replace("_", " ").capitalize()


def seconds(number: float) -> str:
    """A duration for people."""
    if number < 60:
        return f"{number:.1f} s"
    return f"{int(number // 60)} min {int(number % 60)} s"
