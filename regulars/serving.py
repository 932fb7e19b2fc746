"""What `serve` and `worker` do when something is due: hear what the inbox names, and look at everything in its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import select

from mapping.model import Millis
from regulars.words import count
from regulars.workspace import Workspace
from sync import inbox, meter, runs
from sync.balance import Balance
from sync.engine import Engine
from sync.lease import Busy
from sync.store import schema as t
from sync.wired import Silent, Wired

AFTER_TROUBLE = 30.0
"""Seconds for which a connection is left alone after a call to it failed; its mail waits."""

AFTER_BUSY = 0.5
"""Seconds after which it is tried again where another process was at work."""

_ALL = ""

FORGETS = 6 * 3600.0
"""Seconds between two looks for deliveries that may be forgotten."""


@dataclass(slots=True)
class Serving:
    """The work of one business. `told` hears, in a line for people, what was done."""

    business: Workspace
    every: float
    told: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _engine: Engine | None = None
    _rests: dict[str, float] = field(default_factory=dict)
    _pending: bool = False
    _pull_at: float = 0.0
    _forget_at: float = 0.0

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = self.business.engine(Silent())
        return self._engine

    def mail_waits(self) -> bool:
        """Whether a connection has mail that is not left alone just now, or a run was broken off before its end."""
        return bool(self._due()) or self._unfinished()

    def _due(self) -> list[str]:
        with self.business.read() as conn:
            names = inbox.connections_waiting(conn)
        return [name for name in names if name in self.engine.connections and self._rested(name)]

    def _unfinished(self) -> bool:
        """What a killed run had read and not carried on stays marked in the store; so do writes that did not leave."""
        if not self._rested(_ALL):
            return False
        return self._pending or runs.broken_off(self.business.database)

    def hear(self) -> None:
        names = self._due()
        try:
            balance = self.engine.hear(names)
        except Busy:
            self._rest([_ALL, *names], AFTER_BUSY)
            return
        self._pending = bool(balance.failures)
        self._rest([_ALL, *balance.failures] if balance.failures else [], AFTER_TROUBLE)
        self.told(_line("heard", balance))

    def pull_is_due(self) -> bool:
        now = self.clock()
        if now >= self._forget_at:
            self._forget_at = now + FORGETS
            with self.business.database.write() as conn:
                inbox.forget(conn, self.business.database.now() - inbox.KEPT)
        return now >= self._pull_at and self._next_look() <= self.business.database.now()

    def _next_look(self) -> Millis:
        """When everything is to be looked at again: the more rarely, the longer every platform has told of all by
        itself."""
        with self.business.read() as conn:
            pulled = {
                one.name: one.pulled_at for one in conn.execute(select(t.connection.c.name, t.connection.c.pulled_at))
            }
            readings = meter.newest(conn)
        due = [
            pulled.get(name, 0) + int(1000 * self._interval(wired, readings.get(name, [])))
            for name, wired in self.engine.connections.items()
        ]
        return min(due, default=0)

    def _interval(self, wired: Wired, readings: list[meter.Reading]) -> float:
        return meter.interval(self.every, readings) if wired.hears else self.every

    def pull(self) -> None:
        try:
            balance = self.engine.sync()
        except Busy:
            self._pull_at = self.clock() + AFTER_BUSY
            return
        self._pull_at = self.clock() + min(self.every, AFTER_TROUBLE)
        self._rest(list(balance.failures), AFTER_TROUBLE)
        if balance.failures or balance.stops or sum(one.applied for one in balance.connections.values()):
            self.told(_line("looked", balance))

    def _rested(self, name: str) -> bool:
        return self._rests.get(name, 0.0) <= self.clock()

    def _rest(self, names: list[str], seconds: float) -> None:
        until = self.clock() + seconds
        self._rests.update(dict.fromkeys(names, until))


def _line(what: str, balance: Balance) -> str:
    """One run in one line."""
    read = sum(one.pulled for one in balance.connections.values())
    written = sum(one.applied for one in balance.connections.values())
    parts = [f"run {balance.run} {what}: {count(read, 'record')} read, {count(written, 'write')}"]
    parts += [str(stop) for stop in balance.stops]
    parts += list(balance.failures.values())
    return "; ".join(parts) + f" ({balance.seconds:.1f} s)"
