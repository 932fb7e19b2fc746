"""Leases: of two processes that would do the same work on one store, the second waits or says who is at it.

Three kinds, always taken in this order, so that nobody waits in a circle:

- the *whole store*, alone: a sync of everything, a decision, an undo, a migration;
- one *connection*, with the whole store shared: whoever pulls from it and pushes to it. Several may be at work, each at
  connections of their own;
- *people*, for a moment and inside the second kind: whoever works out what concerns everybody.

What decides is a lock of the system's (`sync.locks`). The rows in the table `lease` only say who it is, for people.
What may overlap and why is in docs/decisions/0025-a-lease-per-connection.md.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from sqlalchemy import delete, insert, select

from sync.locks import Locks, locks
from sync.store.database import Database
from sync.store.errors import StoreError
from sync.store.schema import lease as table

WHOLE_STORE = "sync"
"""The lease under which nothing else happens on the store."""

SERVING = "serve"
"""The lease that keeps a second receiver off one SQLite file."""

_PEOPLE = "people"
_GATE = "gate"
"""Whoever waits for the whole store holds the gate, so that no new shared holder slips in before them."""

_POLL, _QUICK = 0.2, 0.01
_AT_THE_GATE = 0.25
"""Seconds for which somebody else who only passes may hold the gate."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lease: machine, process, and since when (milliseconds since 1970 UTC)."""

    host: str
    pid: int
    since: int

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.since / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"process {self.pid} on {self.host}, since {moment}"


class Busy(StoreError):
    """Somebody else holds the lease. `holder` is None in the instant before they have signed."""

    def __init__(self, name: str, holder: Holder | None) -> None:
        who = str(holder) if holder else "another process"
        super().__init__(
            f"Another {name} is running on this store ({who}). Wait until it has ended, or stop it; it can be stopped"
            " at any time and run again."
        )
        self.name = name
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Lease:
    """Leases that are held."""

    names: tuple[str, ...]
    locks: Locks
    sleep: Callable[[float], None] = time.sleep

    def check(self) -> None:
        """Raise StoreError if it was lost: a PostgreSQL server that restarts takes its locks back. Cheap; call it
        before anything that two processes must not both do."""
        if not self.locks.held():
            raise StoreError(
                "The connection that kept other processes away from this store was lost, so this run stopped before it"
                " could collide with another. What was committed is kept; run the same command again."
            )

    @contextmanager
    def people(self) -> Iterator[None]:
        """Nobody else works out what concerns everybody meanwhile. Waits: whoever is at it is soon done."""
        _take(self.locks, _PEOPLE, float("inf"), self.sleep, longest=5 * _QUICK)
        try:
            yield
        finally:
            if self.locks.held():
                self.locks.give(_PEOPLE)


@contextmanager
def lease(
    database: Database,
    name: str,
    *,
    wait: float = 0.0,
    now: Callable[[], int] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Lease]:
    """Hold the lease *name* of this store alone during the block.

    Waits up to *wait* seconds (by the sum of its sleeps) for other holders, then raises Busy.
    """
    mine = locks(database)
    try:
        gated = name == WHOLE_STORE
        left = _take(mine, _GATE, max(wait, _AT_THE_GATE), sleep) if gated else wait
        if left is None or _take(mine, name, min(left, wait), sleep) is None:
            raise Busy(name, _holder(database, name))
        if gated:
            mine.give(_GATE)
        with _signed(database, (name,), now):
            yield Lease((name,), mine, sleep)
    finally:
        mine.free()


@contextmanager
def leases(
    database: Database,
    connections: Sequence[str],
    *,
    wait: float = 0.0,
    now: Callable[[], int] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Lease]:
    """Hold the leases of these connections during the block, beside others who hold those of others."""
    mine, names = locks(database), tuple(f"at-{name}" for name in sorted(connections))
    try:
        if _take(mine, _GATE, max(wait, _AT_THE_GATE), sleep, longest=_QUICK) is None:
            raise Busy(WHOLE_STORE, _holder(database, WHOLE_STORE))
        for name in (WHOLE_STORE, *names):
            left = _take(mine, name, wait, sleep, shared=name == WHOLE_STORE)
            if left is None:
                raise Busy(WHOLE_STORE, _holder(database, name))
            wait = left
            if name == WHOLE_STORE:
                mine.give(_GATE)
        with _signed(database, names, now):
            yield Lease(names, mine, sleep)
    finally:
        mine.free()


def _take(
    mine: Locks,
    name: str,
    wait: float,
    sleep: Callable[[float], None],
    *,
    shared: bool = False,
    longest: float = _POLL,
) -> float | None:
    """Take a lock, within *wait* seconds; how many are left of them, None where it stayed with somebody else."""
    nap = _QUICK
    while not mine.take(name, shared=shared):
        if wait <= 0:
            return None
        sleep(nap)
        wait -= nap
        nap = min(longest, 2 * nap)
    return max(wait, 0.0)


def _holder(database: Database, name: str) -> Holder | None:
    """Who holds a lease; of the whole store, whoever holds any."""
    mine = select(table.c.holder).where(table.c.name == name)
    with database.read() as conn:
        found = conn.execute(mine).scalar()
        if found is None and name == WHOLE_STORE:
            found = conn.execute(select(table.c.holder).where(table.c.name != SERVING).limit(1)).scalar()
    try:
        return None if found is None else msgspec.json.decode(found, type=Holder)
    except msgspec.DecodeError:
        return None


@contextmanager
def _signed(database: Database, names: Sequence[str], now: Callable[[], int] | None) -> Iterator[None]:
    """Say who holds these. A killed holder's rows are simply written over."""
    if not names:
        yield
        return
    holder = msgspec.json.encode(Holder(platform.node(), os.getpid(), (now or database.now)())).decode()
    with database.write() as conn:
        conn.execute(delete(table).where(table.c.name.in_(names)))
        conn.execute(insert(table), [{"name": name, "holder": holder, "expires": 0} for name in names])
    yield
    with database.write() as conn:
        conn.execute(delete(table).where(table.c.name.in_(names)))
