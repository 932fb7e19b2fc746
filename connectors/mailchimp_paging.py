"""How Mailchimp's listings are read whole, and its answers as what they are documented to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from connectors.http import Http, Response

T = TypeVar("T")
PAGE_SIZE = 1000
MOST_BACKS = 20
"""How often a listing is read again further back before its order counts as one that never holds still."""


def typed(http: Http, response: Response, shape: type[T]) -> T:
    """A good answer of that shape; Misread where it is none."""
    name = shape.__name__.strip("_")
    if not response.ok:
        raise http.misread(name, http.explain(response))
    try:
        return msgspec.json.decode(response.body, type=shape)
    except msgspec.DecodeError as error:
        raise http.misread(name, f"an answer has not the documented shape ({error})") from error


def whole(ask: Callable[[int], list[T]], key: Callable[[T], str]) -> Iterator[T]:
    """All rows of a listing by offset, each once. Every page begins with the last row of the one before, and is read
    again further back where it does not: rows left the set meanwhile."""
    seen: set[str] = set()
    offset, last, backs = 0, "", 0
    while True:
        page = ask(offset)
        keys = [key(row) for row in page]
        if last and offset and last not in keys and backs < MOST_BACKS:
            offset, backs = max(0, offset - (PAGE_SIZE - 1)), backs + 1
            continue
        for name, row in zip(keys, page, strict=True):
            if name not in seen:
                seen.add(name)
                yield row
        if len(page) < PAGE_SIZE:
            return
        offset, last = offset + PAGE_SIZE - 1, keys[-1]
