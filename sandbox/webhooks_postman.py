"""Carries the letters of one emulator, step by step or from a thread of its own.

A test calls `Postman.step` (what is due now) or `Postman.deliver` (until nothing is due) and moves the clock between
them; nothing here sleeps. `delivering` runs postmen in the background, for a served sandbox.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import Clock
from sandbox.webhooks import Json, Letter, Mailroom
from sandbox.webhooks_mischief import Fate, Mischief
from sandbox.webhooks_wire import Sealed

REMEMBERED = 10_000  # deliveries; the eldest are forgotten
EVERY = 0.25  # seconds between two looks, if nothing wakes the thread up


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that went out, or (`lost`) one that should have."""

    at: datetime
    kind: str  # true, doubled, forged, replayed, lost
    events: tuple[Json, ...]
    status: int | None = None  # nothing came back in time
    sealed: Sealed | None = None
    how: str = ""  # the kind of forgery


class Postman:
    """Delivers what the mailroom has due; `log` and `counts` say what became of it."""

    def __init__(
        self, mailroom: Mailroom, *, clock: Clock | None = None, mischief: Mischief | None = None, at_once: int = 1
    ) -> None:
        """*at_once*: requests under way at the same time within one step."""
        self.mailroom = mailroom
        self.clock = clock or mailroom.box.clock
        self.mischief = mischief or Mischief()
        self.at_once = at_once
        self.log: deque[Delivery] = deque(maxlen=REMEMBERED)
        self.counts: Counter[str] = Counter()
        self._sent: deque[tuple[Letter, Sealed]] = deque(maxlen=REMEMBERED)
        self._stepping = threading.Lock()

    def step(self) -> list[Delivery]:
        """Deliver what is due now, each letter once."""
        with self._stepping:
            now, room = self.clock(), self.mailroom
            letters = self.mischief.order(room.pack(self.mischief.order(room.due(now))))
            fates = [(letter, self._fate(letter)) for letter in letters]
            done = [one for found in self._carry(fates) for one in found]
            self.log.extend(done)
            self.counts.update(one.kind for one in done)
            return done

    def deliver(self) -> list[Delivery]:
        """Step until nothing is due, without moving the clock."""
        done: list[Delivery] = []
        while self.waiting(self.clock()):
            done += self.step()
        return done

    def waiting(self, until: datetime | None = None) -> int:
        """How many events wait, or wait to be told by *until*."""
        with self.mailroom.box.lock:
            notices = self.mailroom.outbox.notices.values()
            return sum(until is None or one.due <= until for one in notices)

    def next_due(self) -> datetime | None:
        """When the next letter is due."""
        with self.mailroom.box.lock:
            return min((one.due for one in self.mailroom.outbox.notices.values()), default=None)

    def replay(self, place: int = -1) -> Delivery:
        """Send an earlier request again, byte for byte, as somebody who recorded it would."""
        letter, sealed = self._sent[place]
        done = self._send("replayed", letter, sealed)
        self.log.append(done)
        self.counts[done.kind] += 1
        return done

    def forge(self, letter: Letter, how: str) -> Delivery:
        """Send what the vendor never sent."""
        sealed = self.mailroom.forge(letter, how, self.clock())
        done = self._send("forged", letter, sealed, how)
        self.log.append(done)
        self.counts[done.kind] += 1
        return done

    def summary(self) -> dict[str, Any]:
        """What was done so far, and what waits."""
        return {"waiting": self.waiting(), **dict(self.counts), "unreachable": sorted(self.mailroom.wire.unreachable)}

    # -- one letter --------------------------------------------------------------------------------

    def _fate(self, letter: Letter) -> Fate:
        fresh = not any(notice.put_off for notice in letter.notices)
        return self.mischief.fate(fresh=fresh, forgeries=self.mailroom.forgeries)

    def _carry(self, fates: list[tuple[Letter, Fate]]) -> list[list[Delivery]]:
        if self.at_once == 1 or len(fates) < 2:
            return [self._one(letter, fate) for letter, fate in fates]
        with ThreadPoolExecutor(self.at_once) as pool:
            return list(pool.map(lambda both: self._one(*both), fates))

    def _one(self, letter: Letter, fate: Fate) -> list[Delivery]:
        now, room = self.clock(), self.mailroom
        with room.box.lock:
            gone = room.address(letter.hook) is None  # an earlier letter's answer may have ended it
            if gone or fate.lost:
                room.drop(letter.notices)
                return [] if gone else [Delivery(now, "lost", letter.events)]
        if fate.put_off:
            room.put_off(letter, now + timedelta(seconds=fate.put_off))
            return []
        done: list[Delivery] = []
        if fate.forged:
            done.append(self._send("forged", letter, room.forge(letter, fate.forged, now), fate.forged))
        sealed = room.seal(letter, now)
        done.append(self._send("true", letter, sealed))
        self._sent.append((letter, sealed))
        room.answered(letter, done[-1].status, self.clock())
        if fate.doubled:
            done.append(self._send("doubled", letter, room.seal(letter, self.clock())))
        if fate.replayed is not None:
            done.append(self._send("replayed", *self._sent[int(fate.replayed * len(self._sent))]))
        return done

    def _send(self, kind: str, letter: Letter, sealed: Sealed, how: str = "") -> Delivery:
        status = self.mailroom.wire.send(sealed, self.mailroom.patience)
        return Delivery(self.clock(), kind, letter.events, status, sealed, how)


@contextmanager
def delivering(postmen: Iterable[Postman], *, every: float = EVERY) -> Iterator[None]:
    """Let each postman work in a thread of its own: as soon as an event is filed, and every so often."""
    done = threading.Event()

    def work(postman: Postman) -> None:
        filed = postman.mailroom.filed
        while not done.is_set():
            filed.wait(every)
            filed.clear()
            if not done.is_set():
                postman.at_once = postman.mailroom.at_once
                postman.step()

    rounds = list(postmen)
    threads = [threading.Thread(target=work, args=(one,), name="sandbox-postman", daemon=True) for one in rounds]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for postman in rounds:
            postman.mailroom.filed.set()
        for thread in threads:
            thread.join(timeout=30)
