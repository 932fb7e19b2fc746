"""People whom a platform lists in several places, as one listing: one place after the other, with one cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from connectors.base import Cursor, Page
from connectors.walk import Collection, Walk

Dressed = Callable[[list[bytes]], list[bytes]]


@dataclass(frozen=True, slots=True)
class Part:
    """One place: its *name*, which stays the same from pull to pull, how it is listed, and how what is listed becomes
    records."""

    name: str
    collection: Collection
    dressed: Dressed = list


def chained(
    parts: Sequence[Part], walk: Callable[[Collection, Dressed], Walk], cursor: Cursor | None, *, full: bool
) -> Iterator[Page]:
    """By the rules of `Connector.pages`. A part that is new is read whole; one that is there no more is forgotten. The
    listing is complete where that of each part is, in one go."""
    before = cursor.get("of", {}) if cursor is not None else {}  # none: it was one listing, before it was several
    known = {part.name: before.get(part.name) for part in parts}
    at = cursor["at"] if cursor is not None and cursor.get("at") in known else ""
    names = [part.name for part in parts]
    whole = not at
    if not parts:
        yield Page((), {"at": "", "of": {}}, last=True)
    for part in parts[names.index(at) if at else 0 :]:
        for page in walk(part.collection, part.dressed).pages(known.get(part.name), full=full):
            known[part.name] = page.cursor
            last = page.last and part.name == names[-1]
            whole = whole and (page.complete or not page.last)
            onward: Cursor = {
                "at": "" if last else _next(names, part.name) if page.last else part.name,
                "of": {**known},
            }
            yield replace(page, cursor=onward, total=None, last=last, complete=last and whole)


def _next(names: Sequence[str], name: str) -> str:
    return names[names.index(name) + 1]
