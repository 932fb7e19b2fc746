"""A pull in two stretches: what is there, then what was archived; of everything, or of what changed since.

A platform that lists the archived apart is pulled so. A connector says how a page of each stretch is asked for, and how
its pages are turned (`connectors.turnings`); the cursor, the overlap (`connectors.paging`), and what makes a listing
complete are the same for all. A cursor in the middle of a pull that an earlier version left begins that pull anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import msgspec

from connectors.asking import turned
from connectors.base import Cursor, Page, Raw
from connectors.errors import Misread
from connectors.pagers import Place
from connectors.paging import Watermark, done
from connectors.turnings import Sheet, Turning
from mapping.model import Millis

H = TypeVar("H")


@dataclass(frozen=True, slots=True)
class Stretch:
    """One of the two: how a page of it is asked for. *operation* is what its calls are counted and named as."""

    operation: str
    ask: Callable[[Place], Sheet]
    turning: Turning


class Slice(NamedTuple):
    """A page of a pull, and whether its records are archived ones."""

    page: Page
    archived: bool


@dataclass(frozen=True, slots=True)
class Pull:
    """Pulls of one kind of record. Where the total of a stretch's last page is exact, it is *counted* whether a full
    listing was complete: others may have slipped through while it moved."""

    whole: tuple[Stretch, Stretch]
    changes: tuple[Stretch, Stretch]
    overlap: Millis
    misread: Callable[[str, str], Misread]
    now: Callable[[], Millis]
    counted: bool = False

    def slices(self, cursor: Cursor | None, *, full: bool = False) -> Iterator[Slice]:
        """By the rules of `Connector.pages`."""
        at = self._begin(cursor, full)
        listing, fresh = at["mark"] is None, at is not cursor
        seen: set[int] = set()

        def refuse(text: str) -> Misread:
            return self.misread(self._stretch(at).operation, text)

        for sheet, after in turned(at, self._ask, self._onward, refuse):
            if self.counted and listing:
                seen.update(map(hash, sheet.ids))
            if after is not None:
                yield Slice(Page(sheet.records, after, sheet.total, refused=sheet.refused), at["archived"])
                at = after
        counts = not self.counted or (fresh and len(seen) >= _counted(at, sheet))
        end = done(at["mark"], _best(at, sheet), at["began"], self.now(), self.overlap)
        complete = listing and counts and not sheet.refused
        yield Slice(Page(sheet.records, end, last=True, complete=complete, refused=sheet.refused), at["archived"])

    def _begin(self, cursor: Cursor | None, full: bool) -> Cursor:
        if cursor is not None and "place" in cursor:
            return cursor
        mark = None if cursor is None or full else cursor["mark"]
        low = 0 if mark is None else Watermark.of(mark).start(self.overlap)
        start = {"archived": False, "low": low, "began": self.now(), "best": 0, "counted": 0, "mark": mark}
        return {"do": "list" if mark is None else "changes", **start, "place": self._stretch(start).turning.first(low)}

    def _stretch(self, at: Cursor) -> Stretch:
        return (self.whole if at["mark"] is None else self.changes)[at["archived"]]

    def _ask(self, at: Cursor) -> Sheet:
        sheet, known = self._stretch(at).ask(at["place"]), set(at["place"].get("edge", ()))
        new = [record for record in sheet.records if record.remote_id not in known] if known else sheet.records
        return sheet._replace(records=new)

    def _onward(self, at: Cursor, sheet: Sheet) -> Cursor | None:
        place = self._stretch(at).turning.onward(at["place"], sheet)
        if place is not None:
            return {**at, "place": place, "best": _best(at, sheet)}
        if at["archived"]:
            return None
        onward = {**at, "archived": True, "best": _best(at, sheet), "counted": _counted(at, sheet)}
        return {**onward, "place": self._stretch(onward).turning.first(at["low"])}


def _best(at: Cursor, sheet: Sheet) -> Millis:
    """The newest stamp that was read."""
    return max([int(at["best"]), *sheet.stamps])


def _counted(at: Cursor, sheet: Sheet) -> int:
    """How many there are in the stretches up to this one, as the platform says."""
    return int(at["counted"]) + (sheet.total or 0)


def headed(
    entries: Sequence[msgspec.Raw], head: msgspec.json.Decoder[H], key: Callable[[H], str], what: str
) -> tuple[list[Raw], list[tuple[str, str]], list[H]]:
    """The records of a page, which of its entries are none, and the head of each record: as much of it as turning pages
    needs; the rest stays undecoded."""
    records, refused, heads = [], [], []
    for entry in entries:
        try:
            found = head.decode(entry)
        except msgspec.DecodeError as error:
            refused.append(("", f"an entry of the list of {what} is none: {error}"))
            continue
        if not (name := key(found)):
            refused.append(("", f"an entry of the list of {what} has no id"))
            continue
        heads.append(found)
        records.append(Raw.of(name, bytes(entry)))
    return records, refused, heads
