"""A world whose runs overlap: each connection is drained by an engine of its own, and while a call to one platform is
under way, whole drains of the others happen.

A remote call is where a run of one connection waits and others go on; everything between two calls is one transaction
after the other, which the store does not let overlap. So a drain in the middle of a call is what two workers do, told
in an order that can be told again.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

from sync.balance import Balance
from sync.engine import Engine
from sync.lease import Busy
from tests.laws.world import World


class Overlapping(World):
    """A world in which drains happen inside the calls of others, before each of its runs over everything."""

    def __init__(self, *, seed: int = 0, **shape: Any) -> None:
        self.dice = random.Random(seed)
        self.drains: dict[str, Engine] = {}
        self.inside: list[str] = []
        self.deepest = 0
        self.clashes = 0
        self.chance = 0.4
        self.rehearsed = False
        super().__init__(**shape)
        self.drains = {liar.here: self._engine() for liar in self.liars}
        for liar in self.liars:
            liar.looked = self._others

    def sync(self, *, full: bool = False, dry_run: bool = False) -> Balance:
        """Drains that overlap, and then a look at everything. After a rehearsal nobody drains: they would do what was
        rehearsed, and leave nothing to compare it with."""
        rehearsed, self.rehearsed = self.rehearsed, dry_run
        if not (dry_run or rehearsed):
            for name in self.dice.sample(sorted(self.drains), len(self.drains)):
                self.drain(name)
        return super().sync(full=full, dry_run=dry_run)

    def drain(self, name: str) -> None:
        """Drain one connection, as a worker does; whoever is at it already is left alone."""
        self.inside.append(name)
        self.deepest = max(self.deepest, len(self.inside))
        try:
            act = self.drains[name].hear if self.dice.random() < 0.3 else self.drains[name].sync
            with suppress(Busy):
                balance = act([name])
                self.balances.append(balance)
                self.runs.append(balance.run)
        finally:
            self.inside.pop()

    def _step(self, what: str) -> None:
        super()._step(what)
        self._others()

    def _others(self) -> None:
        """Somebody else's drain, perhaps, and inside a drain only: a run over everything holds every lease."""
        if self.inside and len(self.inside) < len(self.liars) and self.dice.random() < self.chance:
            other = self.dice.choice(sorted(self.drains))
            if other in self.inside:
                self.clashes += 1
            self.drain(other)
