"""What goes to a step's process and what comes back, as JSON."""

from __future__ import annotations

import msgspec


class Order(msgspec.Struct):
    """What one process is to do. *ahead* are the seconds by which the rehearsed world is ahead of the real time;
    *store* names the step's own schema where the store is on PostgreSQL; a *profile* goes to the file of that name."""

    step: str
    addresses: dict[str, str]
    folder: str
    store: str
    properties: tuple[str, ...]
    ahead: float = 0.0
    profile: str = ""


class Done(msgspec.Struct):
    """What a step did: records that it looked at, requests by operation, counts to be checked, and what is wrong."""

    records: int = 0
    requests: dict[str, int] = {}
    counts: dict[str, int] = {}
    wrong: list[str] = []


class Measured(msgspec.Struct):
    """What one step cost, in seconds and MB. `start_up` is the CPU time of starting and loading, before the step;
    `costs` are the largest of a profile, as (module or package, share of CPU time)."""

    step: str
    done: Done
    wall: float
    cpu: float
    start_up: float
    peak: float
    costs: list[tuple[str, float]] = []
