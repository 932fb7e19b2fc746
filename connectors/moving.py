"""Listings by offset over a set that moves: who leaves while it is read moves the others up.

So each page begins with the last row of the one before. Where none of the last rows is on it, it begins too late, and
is read again further back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Self, TypeVar

import msgspec

from connectors.asking import Refuse, turned

T = TypeVar("T")
TAIL = 3
"""How many of a page's last rows are remembered."""
MOST_BACKS = 20
"""How often a listing is read again further back, beside once for each of its pages, before its order counts as one
that never holds still."""


class Spot(msgspec.Struct):
    """Where the next page begins, what was last on the one before, how often one went back, and whether just now."""

    offset: int = 0
    tail: Sequence[str] = ()
    backs: int = 0
    back: bool = False

    def turn(self, keys: Sequence[str], count: int, size: int) -> Self | None:
        """The spot after a page of *count* rows with these *keys*, and of *size* at most: further back where it begins
        too late, None after the last. Raises ValueError where it is the page before once more."""
        late = bool(self.offset and self.tail) and set(self.tail).isdisjoint(keys)
        if late and not self.restless(size):
            offset = max(0, self.offset - (size - 1))
            return msgspec.structs.replace(self, offset=offset, backs=self.backs + 1, back=True)
        if count < size:
            return None
        tail = list(keys[-TAIL:])
        if tail == list(self.tail) and not self.back and all(tail) and len(set(tail)) == TAIL:
            raise ValueError("the next page is the same page again")
        return msgspec.structs.replace(self, offset=self.offset + size - 1, tail=tail, back=False)

    def restless(self, size: int) -> bool:
        """Whether one went back so often that it is given up."""
        return self.backs >= MOST_BACKS + self.offset // size


def rows(ask: Callable[[int], Sequence[T]], key: Callable[[T], str], size: int, refuse: Refuse) -> Iterator[T]:
    """All rows of a listing that *ask* reads from an offset on, each once."""
    seen: set[str] = set()

    def page(at: Spot) -> tuple[list[str], Sequence[T]]:
        found = ask(at.offset)
        return [key(row) for row in found], found

    for (keys, found), _ in turned(Spot(), page, lambda at, answer: at.turn(answer[0], len(answer[0]), size), refuse):
        for name, row in zip(keys, found, strict=True):
            if name not in seen:
                seen.add(name)
                yield row
