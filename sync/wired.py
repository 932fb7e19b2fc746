"""What a run works with: open connections, who watches, and what the run carries along."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.base import Connector
from mapping.decisions import Policies
from mapping.model import Companies, Create, Direction, Millis
from sync import runs
from sync.balance import Balance
from sync.guard import Limits, Stop
from sync.pull import Puller
from sync.push import Pusher
from sync.store.database import Database
from sync.writes import Target


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
    records: dict[str, int] = field(default_factory=dict)
    chosen: frozenset[str] = frozenset()  # the connections that this run is about

    def stop(self, database: Database, stops: list[Stop]) -> None:
        """Stop connections: what they claim does not travel, and nothing is written there."""
        for stop in stops:
            self.blocked.add(stop.connection)
            self.balance.stops.append(stop)
            runs.stop(database, stop)


@dataclass(slots=True)
class Works:
    """What every step of a run needs."""

    database: Database
    connections: dict[str, Wired]
    policies: Policies
    now: Callable[[], Millis]
    progress: Progress
    fresh_for: Millis
    check: Callable[[], None]  # raises where the lease was lost
    folded: list[str] = field(default_factory=list)  # people whom this run worked out anew
    full_every: Millis = 0  # after how long a stream of objects is read whole again; 0 is never

    def puller(self, run: Run, wired: Wired, newly_mapped: tuple[str, ...] = ()) -> Puller:
        """Reads one connection, and tells the watcher."""

        def page(count: int, total: int | None) -> None:
            self.progress.begin(wired.name, "pull", total)
            self.progress.advance(wired.name, "pull", count)

        lists = frozenset(wired.lists.values()) if wired.connector.lists_are_tags else frozenset()
        return Puller(self.database, wired.name, wired.connector, run.revision, self.now, page, newly_mapped, lists)

    def pusher(self, run: Run, wired: Wired) -> Pusher:
        """Writes to one connection, and tells the watcher."""
        return Pusher(
            self.database,
            wired.name,
            wired.connector,
            run.pullers[wired.name],
            run.id,
            self.fresh_for,
            frozenset(run.blocked),
            self.check,
            lambda count: self.progress.advance(wired.name, "push", count),
        )

    def targets(self) -> dict[str, Target]:
        """The connections as the plan sees them."""
        found = {}
        for w in self.connections.values():
            target = Target.of(w.name, w.connector.fields, w.direction, w.create, w.connector.mails)
            sees = w.connector.lists_in in w.streams
            found[w.name] = replace(target, tags=w.tags, lists=w.lists, sees_lists=sees, companies=w.companies)
            found[w.name] = replace(found[w.name], purposes=w.connector.purposes)
        return found
