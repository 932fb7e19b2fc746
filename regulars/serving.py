"""What `serve` and `worker` do when something is due: hear what the inbox names, send what is owed, and look at
everything in its time. Due is what the store says, so that any number of processes may share the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mapping.model import Millis
from regulars.logs import Told
from regulars.workspace import Workspace
from sync import dues, inbox, journals, meter, runs_thin
from sync.balance import Balance
from sync.dues import Due
from sync.engine import Engine
from sync.lease import Busy
from sync.wired import Silent, Wired

AFTER_BUSY = 0.5
"""Seconds after which a connection is tried again where another process was at work."""

FORGETS = 6 * 3600.0
"""Seconds between two looks for what may be forgotten."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store says of every connection at one moment."""

    dues: dict[str, Due]
    readings: dict[str, list[meter.Reading]]
    told: frozenset[str]  # connections whose platforms tell by themselves


@dataclass(slots=True)
class Serving:
    """The work of one business. `told` hears what was done."""

    business: Workspace
    every: float
    told: Callable[[Told], None]
    clock: Callable[[], float] = time.monotonic
    _wired: dict[str, Wired] = field(default_factory=dict)
    _engines: dict[str, Engine] = field(default_factory=dict)
    _rests: dict[str, float] = field(default_factory=dict)
    _forget_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def names(self) -> list[str]:
        """Every connection."""
        return list(self.business.config.connections)

    def due(self) -> list[str]:
        """Where something is due: mail first, since a withdrawal may be in it."""
        self._open()
        known = self._known()
        found = [known.dues[name] for name in self._wired if self._is_due(name, known)]
        return [one.connection for one in sorted(found, key=lambda one: not one.mail)]

    def drain(self, name: str, going: Callable[[], bool]) -> None:
        """Do all that is due at a connection, in runs of its own; leave where another process is at it. It is looked
        again after the lease was given back: whoever came meanwhile in vain is not missed."""
        self._open()
        while going():
            known = self._known()
            if not self._is_due(name, known):
                return
            engine, one = self._engines[name], known.dues[name]
            hears = one.carries() and not one.must_look
            try:
                balance = engine.hear([name]) if hears else engine.sync([name])
            except Busy:
                self._rests[name] = self.clock() + AFTER_BUSY
                return
            self._tell(name, "heard" if hears else "looked", balance)

    def tidy(self) -> None:
        """Forget deliveries that were done long ago, and runs of which nothing came."""
        if self.clock() < self._forget_at:
            return
        self._forget_at = self.clock() + FORGETS
        database = self.business.database
        with database.write() as conn:
            inbox.forget(conn, database.now() - inbox.KEPT)
        runs_thin.thin(database)

    def _open(self) -> None:
        """Open all connections, once. Each has an engine of its own, for runs that overlap."""
        with self._lock:
            if not self._engines:
                wired = self.business.wired()
                self._wired = {one.name: one for one in wired}
                self._engines = {one.name: self.business.engine(Silent(), wired) for one in wired}

    def _known(self) -> Known:
        now = self.business.database.now()
        with self.business.read() as conn:
            known, readings = dues.known(conn), meter.newest(conn)
            told = [name for name, one in self._wired.items() if one.hears or journals.is_read(conn, name, now)]
        return Known({name: known.get(name, Due(name)) for name in self._wired}, readings, frozenset(told))

    def _is_due(self, name: str, known: Known) -> bool:
        one, now = known.dues[name], self.business.database.now()
        if one.rests > now or self._rests.get(name, 0.0) > self.clock():
            return False
        return one.carries() or one.must_look or self._next_look(one, known) <= now

    def _next_look(self, one: Due, known: Known) -> Millis:
        """When everything there is to be looked at again: the more rarely, the longer its platform has told of all by
        itself."""
        told = one.connection in known.told
        readings = known.readings.get(one.connection, [])
        return one.pulled_at + int(1000 * (meter.interval(self.every, readings) if told else self.every))

    def _tell(self, name: str, what: str, balance: Balance) -> None:
        if what == "heard" or balance.failures or balance.stops or balance.connections[name].applied:
            self.told(Told(what, balance))
