"""The balance that a run ends with: each record and each write ends somewhere, and the sums must close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sync.guard import Stop


@dataclass(slots=True)
class StreamBalance:
    """What one run read of one stream. `facts` counts touchpoints, deals, feedback and ties that are filed new;
    `deals` is how many of them new or changed,
    `stray` counts those of people whom the store does not know; `failure` why the stream ended early."""

    read: int = 0
    new: int = 0
    changed: int = 0
    refused: int = 0
    gone: int = 0
    facts: int = 0
    deals: int = 0
    stray: int = 0
    failure: str = ""


@dataclass(slots=True)
class ConnectionBalance:
    """What one run did with one connection. `held` writes wait for a person, `pending` ones for the next run;
    `moved` ones were planned anew because somebody changed the record meanwhile. `would_write` is what a dry run found
    to write and left; `uncertain` ones may have arrived, and are not sent again unseen. `opt_outs` and `creates` are
    those among the applied writes, or among those that a dry run would write."""

    pulled: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    gone: int = 0
    planned: int = 0
    applied: int = 0
    held: int = 0
    refused_writes: int = 0
    pending: int = 0
    moved: int = 0
    would_write: int = 0
    uncertain: int = 0
    opt_outs: int = 0
    creates: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    streams: dict[str, StreamBalance] = field(default_factory=dict)

    def closes(self) -> bool:
        """Whether every record and every write is accounted for."""
        records = self.pulled == self.new + self.changed + self.unchanged + self.refused
        done = self.applied + self.refused_writes + self.moved
        return records and self.planned == done + self.held + self.pending + self.would_write + self.uncertain


@dataclass(slots=True)
class Balance:
    """A run's end. `ok` says that nothing was refused, stopped or failed, and nothing waits."""

    run: int = 0
    kind: str = "sync"
    revision: int = 0
    dry_run: bool = False
    plan_hash: str = ""
    planned: int = 0
    connections: dict[str, ConnectionBalance] = field(default_factory=dict)
    people: int = 0
    conflicts: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    stops: list[Stop] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    recovered: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        waits = any(
            one.refused or one.refused_writes or one.held or one.pending or one.uncertain
            for one in self.connections.values()
        )
        short = any(
            stream.failure or stream.refused for one in self.connections.values() for stream in one.streams.values()
        )
        return not (self.stops or self.failures or waits or short)

    @property
    def sales(self) -> bool:
        """Whether any deal or order came or changed."""
        return any(stream.deals for one in self.connections.values() for stream in one.streams.values())

    def closes(self) -> bool:
        """Whether the sums of all connections close."""
        return all(one.closes() for one in self.connections.values())

    def to_json(self) -> Mapping[str, Any]:
        """The balance as JSON knows it."""
        return {**asdict(self), "ok": self.ok, "closes": self.closes()}
