"""Webhooks, the part that all vendors share: what waits to be told, and what one request is.

Deciding is apart from sending. An emulator files a `Notice` for each event and each listener in the `Outbox` of its
state. Its `Mailroom` knows the vendor's ways: how many events one request holds, how it is signed, when it is tried
again, what an answer means. A `Postman` (`sandbox.webhooks_postman`) carries the letters, with the clock that it is
given, and plays the tricks that were asked for (`sandbox.webhooks_mischief`).
"""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.webhooks_wire import Sealed, Wire

if TYPE_CHECKING:
    from sandbox.platform import Emulator

Json = dict[str, Any]


@dataclass(slots=True)
class Notice:
    """One event for one listener, until the vendor knows that it was heard, or gives up."""

    id: int
    hook: str  # the listener, in the vendor's own count; empty where an app has one address for all
    event: Json  # as the vendor words it, without what changes from attempt to attempt
    due: datetime
    attempt: int = 0
    put_off: bool = False  # a trick has delayed it already


@dataclass
class Outbox:
    """What waits to be told; part of the emulator's state, so that it lives and is restored with it."""

    notices: dict[int, Notice] = field(default_factory=dict)
    last: int = 0

    def file(self, hook: str, event: Json, due: datetime) -> Notice:
        self.last += 1
        notice = Notice(self.last, hook, event, due)
        self.notices[notice.id] = notice
        return notice


@dataclass(frozen=True, slots=True)
class Letter:
    """The events of one request."""

    hook: str
    url: str
    notices: tuple[Notice, ...]

    @property
    def events(self) -> tuple[Json, ...]:
        return tuple(notice.event for notice in self.notices)


class Mailroom(ABC):
    """One vendor's ways with webhooks, over the state of one emulator."""

    most: int = 1  # events in one request
    at_once: int = 4  # requests under way at the same time, where a postman works in the background
    patience: float = 10.0  # seconds within which an answer counts
    forgeries: tuple[str, ...] = ("wrong_secret", "unsigned", "altered")  # what `forge` can make

    def __init__(self, box: Emulator) -> None:
        self.box = box
        self.wire = Wire()
        self.dice = random.Random(0)  # for the spread of repeated attempts
        self.filed = threading.Event()

    # -- what a vendor says ------------------------------------------------------------------------

    @abstractmethod
    def address(self, hook: str) -> str | None:
        """Where to send to, or ``None`` if the listener is gone: its events are dropped."""

    @abstractmethod
    def seal(self, letter: Letter, now: datetime) -> Sealed:
        """The request as the vendor sends it, signed at *now*."""

    @abstractmethod
    def forge(self, letter: Letter, how: str, now: datetime) -> Sealed:
        """A request that the vendor never sent, made by somebody without the secret (one of `forgeries`)."""

    @abstractmethod
    def wait(self, attempt: int) -> timedelta | None:
        """How long after the failed *attempt* (the first is 0) the next one follows; ``None``: no more."""

    def refused(self, letter: Letter, status: int | None) -> bool:
        """Whether this answer ends the matter at once, without another attempt."""
        return False

    def given_up(self, letter: Letter) -> None:
        """The last attempt failed."""

    def heard(self, letter: Letter) -> None:
        """An attempt succeeded."""

    # -- what an emulator uses ---------------------------------------------------------------------

    @property
    def outbox(self) -> Outbox:
        outbox: Outbox = self.box.state.outbox
        return outbox

    def tell(self, hook: str, event: Json, now: datetime) -> None:
        """File *event* for one listener."""
        self.outbox.file(hook, event, now)
        self.filed.set()

    # -- what a postman uses -----------------------------------------------------------------------

    def due(self, now: datetime) -> list[Notice]:
        """What has to be told by *now*, in the order of the events."""
        with self.box.lock:
            found = [one for one in self.outbox.notices.values() if one.due <= now]
        return sorted(found, key=lambda one: (one.due, one.id))

    def pack(self, notices: Sequence[Notice]) -> list[Letter]:
        """Letters of at most `most` events for one listener each, in the order given."""
        by_hook: dict[str, list[Notice]] = {}
        for notice in notices:
            by_hook.setdefault(notice.hook, []).append(notice)
        letters = []
        for hook, waiting in by_hook.items():
            with self.box.lock:
                url = self.address(hook)
                if url is None:
                    self.drop(waiting)
                    continue
            chunks = (waiting[start : start + self.most] for start in range(0, len(waiting), self.most))
            letters += [Letter(hook, url, tuple(chunk)) for chunk in chunks]
        return letters

    def drop(self, notices: Iterable[Notice]) -> None:
        """Forget these; not those of the same number that a state restored in the meantime brought back."""
        for notice in notices:
            if self.outbox.notices.get(notice.id) is notice:
                del self.outbox.notices[notice.id]

    def put_off(self, letter: Letter, until: datetime) -> None:
        """Leave the events of *letter* for later."""
        with self.box.lock:
            for notice in letter.notices:
                notice.due, notice.put_off = until, True

    def answered(self, letter: Letter, status: int | None, now: datetime) -> None:
        """Draw the conclusions from an answer; ``None`` is none, or one too late."""
        with self.box.lock:
            if status is not None and 200 <= status < 300:
                self.drop(letter.notices)
                self.heard(letter)
                return
            if self.refused(letter, status):
                self.drop(letter.notices)
                return
            over = []
            for notice in letter.notices:  # each on its own: "individual notifications" are spread
                wait = self.wait(notice.attempt)
                if wait is None:
                    over.append(notice)
                    continue
                notice.due, notice.attempt = now + wait, notice.attempt + 1
            if over:
                self.drop(over)
                self.given_up(letter)


class NoMailroom(Mailroom):
    """The mailroom of a vendor that calls nobody."""

    def address(self, hook: str) -> str | None:
        return None

    def seal(self, letter: Letter, now: datetime) -> Sealed:
        raise NotImplementedError("this vendor has no webhooks")

    def forge(self, letter: Letter, how: str, now: datetime) -> Sealed:
        raise NotImplementedError("this vendor has no webhooks")

    def wait(self, attempt: int) -> timedelta | None:
        return None


def merged_headers(*parts: Mapping[str, str]) -> dict[str, str]:
    """One set of headers out of several."""
    return {name: value for part in parts for name, value in part.items()}
