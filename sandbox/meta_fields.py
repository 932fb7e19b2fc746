"""Graph API's field expansion: `id,comments.filter(stream).limit(5){id,from}` taken apart.

https://developers.facebook.com/docs/graph-api/guides/field-expansion
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NAME = re.compile(r"[a-z_0-9]+", re.IGNORECASE)
_ARGUMENT = re.compile(r"\.([a-z_]+)\(([^()]*)\)")


@dataclass(slots=True)
class Wanted:
    """One field or edge, with what is asked of it and what of its insides."""

    name: str
    arguments: dict[str, str] = field(default_factory=dict)
    inner: list[Wanted] | None = None


def parsed(text: str) -> list[Wanted]:
    """The fields that a text asks for. Raises ValueError where it is none."""
    found, rest = _several(text)
    if rest:
        raise ValueError(f"unexpected {rest[:20]!r}")
    return found


def _several(text: str) -> tuple[list[Wanted], str]:
    found = []
    while True:
        name = _NAME.match(text)
        if name is None:
            raise ValueError(f"a field is expected at {text[:20]!r}")
        wanted, text = Wanted(name[0]), text[name.end() :]
        while argument := _ARGUMENT.match(text):
            wanted.arguments[argument[1]] = argument[2]
            text = text[argument.end() :]
        if text.startswith("{"):
            wanted.inner, text = _several(text[1:])
            if not text.startswith("}"):
                raise ValueError("a brace is not closed")
            text = text[1:]
        found.append(wanted)
        if not text.startswith(","):
            return found, text
        text = text[1:]
