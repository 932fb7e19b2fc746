"""Watermarks: where an incremental pull begins, safe against a late index and against clocks that disagree.

A platform's index shows a change some time after it was made, and its clock is not ours. So a watermark is the
newest *platform* stamp that we read, and the pull after it begins one overlap earlier. Only once a pull that began
at least one overlap later (by our own clock, against our own clock) has found nothing newer is everything up to
the watermark known to be read; pulls then begin at the watermark itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mapping.model import Millis


@dataclass(frozen=True, slots=True)
class Watermark:
    """The newest stamp read (theirs), when we first had it (ours), and whether nothing can follow it late."""

    top: Millis = 0
    seen: Millis = 0
    settled: bool = False

    def start(self, overlap: Millis) -> Millis:
        """The stamp to read from, inclusive."""
        return self.top if self.settled else max(0, self.top - overlap)

    def after(self, best: Millis, began: Millis, now: Millis, overlap: Millis) -> Watermark:
        """The watermark after a pull that began at *began*, ended at *now* and read stamps up to *best*."""
        if best > self.top:
            return Watermark(best, now, False)
        return Watermark(self.top, self.seen, self.settled or began - self.seen >= overlap)

    @staticmethod
    def after_full(best: Millis, began: Millis, now: Millis) -> Watermark:
        """After a full listing: a record may have changed behind our back since the listing began, so the mark
        lies no later than that."""
        return Watermark(min(best, began), now, False)

    def stored(self) -> dict[str, Any]:
        return {"top": self.top, "seen": self.seen, "settled": self.settled}

    @staticmethod
    def of(stored: dict[str, Any]) -> Watermark:
        return Watermark(int(stored["top"]), int(stored["seen"]), bool(stored["settled"]))


def done(mark: dict[str, Any] | None, best: Millis, began: Millis, now: Millis, overlap: Millis) -> dict[str, Any]:
    """The cursor after a pull that ended at *now*, from which the next one begins; the watermark *mark* stands for what
    was read before, and none for a full listing."""
    if mark is None:
        after = Watermark.after_full(best, began, now)
    else:
        after = Watermark.of(mark).after(best, began, now, overlap)
    return {"do": "done", "mark": after.stored()}
