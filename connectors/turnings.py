"""How the pages of one stretch of a pull are turned (`connectors.stretches`), as values that a connector names.

A place is JSON and is stored with the page that it follows. What changed is read by key set: each page is a query of
its own from the last stamp seen, never a further page of one query. A record that changes meanwhile moves to the end,
and would push another one over the edge between two pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from connectors.base import Raw
from connectors.moving import Spot
from connectors.pagers import Place
from mapping.model import Millis


class Sheet(NamedTuple):
    """One answer: its records, what of it is none, what names each record, and when they changed, in the order in which
    they were asked for. *entries* counts them all, *total* what the platform says of all pages, *token* the next
    one's."""

    records: list[Raw]
    refused: list[tuple[str, str]]
    ids: list[str]
    stamps: list[Millis]
    entries: int
    total: int | None = None
    token: str = ""


class Turning(Protocol):
    """One way of turning pages."""

    def first(self, low: Millis) -> Place:
        """Where a stretch begins, of what is not older than *low*."""

    def onward(self, place: Place, sheet: Sheet) -> Place | None:
        """The place after *sheet*; None after the last. Raises ValueError where the sheet cannot be right."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Each answer names the next page; none ends it."""

    def first(self, low: Millis) -> Place:
        return {"after": ""}

    def onward(self, place: Place, sheet: Sheet) -> Place | None:
        if sheet.token and sheet.token == place["after"]:
            raise ValueError("the next page is the same page again")
        return {"after": sheet.token} if sheet.token else None


@dataclass(frozen=True, slots=True)
class Offsets:
    """By offset over a moving set (`connectors.moving`)."""

    size: int

    def first(self, low: Millis) -> Place:
        return {"offset": 0}

    def onward(self, place: Place, sheet: Sheet) -> Place | None:
        spot = msgspec.convert(place, Spot).turn(sheet.ids, sheet.entries, self.size)
        return None if spot is None else msgspec.to_builtins(spot)


@dataclass(frozen=True, slots=True)
class ByStamp:
    """By key set, where one asks for what changed since a time alone: within a page of one stamp the offset moves on.
    *coarse* is how much earlier than it says a query may begin."""

    size: int
    coarse: Millis = 0

    def first(self, low: Millis) -> Place:
        return {"from": low, "offset": 0}

    def onward(self, place: Place, sheet: Sheet) -> Place | None:
        spot = msgspec.convert(place, Spot)
        onward = spot.turn(sheet.ids, sheet.entries, self.size)
        if onward is None:
            return None
        further = onward.offset > spot.offset and bool(sheet.stamps)
        if further and sheet.stamps[-1] - self.coarse > place["from"]:
            return self.first(sheet.stamps[-1])
        return {"from": place["from"], **msgspec.to_builtins(onward)}


@dataclass(frozen=True, slots=True)
class ByStampThenId:
    """By key set, where one may ask by stamp and id: after a page of one stamp those of that stamp are read by id.
    The *edge* is who has the last stamp seen: they come once more, and are left out."""

    size: int

    def first(self, low: Millis) -> Place:
        return {"from": low, "tie": "", "edge": []}

    def onward(self, place: Place, sheet: Sheet) -> Place | None:
        full = sheet.entries >= self.size and bool(sheet.ids)
        if place["tie"]:
            return {**place, "tie": sheet.ids[-1]} if full else self.first(place["from"] + 1)
        if sheet.stamps != sorted(sheet.stamps):
            raise ValueError("the results are not in the order that we asked for")
        if not full:
            return None
        last = sheet.stamps[-1]
        if last == place["from"]:
            return {"from": last, "tie": "0", "edge": []}
        edge = [one for one, at in zip(sheet.ids, sheet.stamps, strict=True) if at == last]
        return {**self.first(last), "edge": edge}
