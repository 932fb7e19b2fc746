"""What a run works with: open connections, who watches, and what the run carries along."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlalchemy import Connection

from connectors.base import Connector
from connectors.errors import Failure, Spent
from mapping.decisions import Policies
from mapping.model import Companies, Create, Direction, Millis, WriteKind
from sync import dues, runs
from sync.balance import Balance
from sync.guard import Limits, Stop
from sync.lease import Lease
from sync.people import still_planned
from sync.pull import Puller
from sync.push import Pusher
from sync.store.database import Database
from sync.writes import Target, Write


@dataclass(frozen=True, slots=True)
class Wired:
    """One configured connection, opened."""

    name: str
    connector: Connector
    direction: Direction = Direction.READ
    create: Create = Create.NONE
    limits: Limits = field(default_factory=Limits)
    platform: str = ""
    streams: tuple[str, ...] = ()  # what is read beside the records
    tags: Mapping[str, str] = field(default_factory=dict)  # segment → the tag that stands for it there
    lists: Mapping[str, str] = field(default_factory=dict)  # segment → the static list that stands for it there
    companies: Companies = Companies.NONE  # whether people are put to the companies that they work for
    hears: bool = False  # whether the platform calls us, so that looking should find nothing new

    @property
    def may_erase(self) -> bool:
        """Whether we may erase somebody there; elsewhere a person does."""
        return self.connector.erases and self.direction is not Direction.READ


class Progress(Protocol):
    """Who wants to watch. `what` is pull, people, or a kind of write."""

    def begin(self, connection: str, what: str, total: int | None) -> None: ...
    def advance(self, connection: str, what: str, count: int, note: str = "") -> None: ...
    def end(self, connection: str, what: str) -> None: ...
    def say(self, text: str) -> None: ...


class Silent:
    """Nobody watches."""

    def begin(self, connection: str, what: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, connection: str, what: str, count: int, note: str = "") -> None:
        """Say nothing."""

    def end(self, connection: str, what: str) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""


def wall_clock() -> Millis:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Run:
    """What one run carries along."""

    id: int
    revision: int
    balance: Balance
    pullers: dict[str, Puller] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)  # neither written to nor believed, until released
    doubted: frozenset[str] = frozenset()  # connections of others whose claims do not travel at the moment
    records: dict[str, int] = field(default_factory=dict)
    chosen: frozenset[str] = frozenset()  # the connections that this run is about
    spent: set[str] = field(default_factory=set)  # of the blocked ones, those that still take opt-outs
    left: set[str] = field(default_factory=set)  # people whose other writes wait for the next plan
    overtake: Callable[[], None] = lambda: None  # hears who leaves meanwhile
    carries: bool = False  # whether it sends whatever is due to them
    taken_over: bool = False  # whether the run before it at one of them was broken off
    moved_last: bool = False  # whether it wrote in its last round, and did not plan again
    unsent: dict[str, str] = field(default_factory=dict)  # the hash of what its last plan has for each connection

    def ends(self, now: Millis) -> dict[str, dues.End]:
        """How this run leaves its connections. Where it could not look, or a call failed, what is left is tried again
        after a while."""
        found = {}
        for name in self.chosen:
            failed = name in self.balance.failures or name not in self.pullers
            rests = now + dues.AFTER_TROUBLE if failed else 0
            found[name] = dues.End(self.unsent.get(name, ""), now if failed or self.moved_last else 0, rests)
        return found

    def stop(self, database: Database, stops: list[Stop]) -> None:
        """Stop connections: what they claim does not travel, and nothing is written there."""
        for stop in stops:
            self.blocked.add(stop.connection)
            self.spent.discard(stop.connection)
            self.balance.stops.append(stop)
            runs.stop(database, stop)

    def failed(self, connection: str, failure: Failure) -> None:
        """Leave a connection alone for the rest of this run; one whose day is spent still takes opt-outs."""
        self.balance.failures[connection] = str(failure)
        if isinstance(failure, Spent) and connection not in self.blocked:
            self.spent.add(connection)
        elif not isinstance(failure, Spent):
            self.spent.discard(connection)
        self.blocked.add(connection)


@dataclass(slots=True)
class Works:
    """What every step of a run needs."""

    database: Database
    connections: dict[str, Wired]
    policies: Policies
    now: Callable[[], Millis]
    progress: Progress
    fresh_for: Millis
    folded: list[str] = field(default_factory=list)  # people whom this run worked out anew
    lease: Lease | None = None
    beside: bool = False  # whether other runs may be at work meanwhile, at other connections
    full_every: Millis = 0  # after how long a stream of objects is read whole again; 0 is never

    def check(self) -> None:
        """Raise StoreError where the lease was lost."""
        if self.lease is not None:
            self.lease.check()

    @contextmanager
    def people(self) -> Iterator[None]:
        """Nobody else works out meanwhile what concerns everybody."""
        if self.beside and self.lease is not None:
            with self.lease.people():
                yield
        else:  # there is nobody else
            yield

    def revision(self, run: Run) -> int:
        """The revision at which something is worked out now."""
        if not self.beside:
            return run.revision
        with self.database.read() as conn:
            return runs.revision_now(conn)

    def still(self, conn: Connection, writes: Sequence[Write]) -> list[Write]:
        """Those writes that still hold, where others may have come to know something since the plan. An opt-out holds
        always, what a person asked for does not rest on what is known, and deeds look at the platform themselves."""
        if writes[0].kind not in (WriteKind.UPDATE, WriteKind.CREATE, WriteKind.ARCHIVE, WriteKind.LIST):
            return list(writes)
        return still_planned(conn, self.targets(), self.policies, writes)

    def puller(self, run: Run, wired: Wired, newly_mapped: tuple[str, ...] = ()) -> Puller:
        """Reads one connection, and tells the watcher."""

        def page(count: int, total: int | None) -> None:
            self.progress.begin(wired.name, "pull", total)
            self.progress.advance(wired.name, "pull", count)

        lists = frozenset(wired.lists.values()) if wired.connector.lists_are_tags else frozenset()
        return Puller(
            self.database,
            wired.name,
            wired.connector,
            run.revision,
            self.now,
            page,
            newly_mapped,
            lists,
            self.beside,
            run.overtake,
        )

    def pusher(self, run: Run, wired: Wired) -> Pusher:
        """Writes to one connection, and tells the watcher."""
        return Pusher(
            self.database,
            wired.name,
            wired.connector,
            run.pullers[wired.name],
            run.id,
            self.fresh_for,
            frozenset(run.blocked) | run.doubted,
            self.check,
            lambda count: self.progress.advance(wired.name, "push", count),
            run.overtake,
            run.left,
            self.still if self.beside else None,
        )

    def targets(self) -> dict[str, Target]:
        """The connections as the plan sees them."""
        found = {}
        for w in self.connections.values():
            target = Target.of(w.name, w.connector.fields, w.direction, w.create, w.connector.mails)
            sees = w.connector.lists_in in w.streams
            found[w.name] = replace(target, tags=w.tags, lists=w.lists, sees_lists=sees, companies=w.companies)
            needs = w.connector.lists_need_consent
            found[w.name] = replace(found[w.name], purposes=w.connector.purposes, lists_need_consent=needs)
        return found
