"""Two drains of one connection never run together, those of different connections do: observed on both kinds of store,
with workers that share nothing but the store.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from sqlalchemy import select

from mapping.decisions import Policies
from mapping.model import Direction
from sync.engine import Engine
from sync.lease import Busy
from sync.store import schema as t
from sync.store.database import Database, open_database
from sync.wired import Wired
from tests.laws.liar import TABLE, Clock, Liar
from tests.laws.world import FIELDS, NAMES, NO_BRAKES, PEOPLE

DRAINS = 12


@dataclass
class Calls:
    """Who is in a call to which platform, at every moment."""

    inside: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    at_one: int = 0  # the most calls at once to one platform
    at_several: int = 0  # the most platforms that were in a call at once
    lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, name: str) -> None:
        with self.lock:
            self.inside[name] += 1
            self.at_one = max(self.at_one, self.inside[name])
            self.at_several = max(self.at_several, sum(count > 0 for count in self.inside.values()))
        time.sleep(0.03)  # the platform thinks
        with self.lock:
            self.inside[name] -= 1


@dataclass
class Town:
    """Three platforms and the store that they meet in."""

    calls: Calls
    clock: Clock
    liars: list[Liar]
    runs: dict[int, str] = field(default_factory=dict)
    busy: int = 0
    failures: list[BaseException] = field(default_factory=list)

    def engine(self, database: Database) -> Engine:
        wired = [Wired(liar.here, liar, Direction.BOTH, limits=NO_BRAKES) for liar in self.liars]
        policies = Policies(kinds={row.name: row.kind for row in TABLE}, region="DE")
        return Engine(database, wired, policies, now=self.clock)

    def work(self, url: str | None, folder: Path, seed: int) -> None:
        """Drain whatever comes to mind, so many times; before each, somebody edits."""
        dice, left = random.Random(seed), DRAINS
        try:
            with open_database(url, folder, now=self.clock) as database:
                engine = self.engine(database)
                while left:
                    liar = dice.choice(self.liars)
                    row = dice.choice(sorted(liar.state.rows))
                    liar.edit(row, **{dice.choice(FIELDS[:2]): f"Name{dice.randrange(1000)}"})
                    try:
                        balance = engine.sync([liar.here]) if dice.random() < 0.5 else engine.hear([liar.here])
                        self.runs[balance.run], left = liar.here, left - 1
                    except Busy:
                        self.busy += 1
                        time.sleep(0.01)
        except BaseException as error:  # noqa: BLE001 - the test tells
            self.failures.append(error)


def town() -> Town:
    calls, clock = Calls(), Clock()
    liars = [Liar(name, clock, mails=name == "b") for name in NAMES]
    for liar in liars:
        for email in PEOPLE:
            liar.add(email, given_name="Ada", family_name="Berg")
        liar.step = lambda _, name=liar.here: calls.step(name)  # type: ignore[misc]
    return Town(calls, clock, liars)


def test_one_at_a_connection_several_at_a_store(store_url: str | None, tmp_path: Path) -> None:
    """Three workers for a while; afterwards all platforms agree, and another look at everything plans nothing."""
    here = town()
    with open_database(store_url, tmp_path, now=here.clock) as database:
        here.engine(database).sync()
    threads = [threading.Thread(target=here.work, args=(store_url, tmp_path, seed)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with open_database(store_url, tmp_path, now=here.clock) as database:
        engine = here.engine(database)
        for _ in range(3):
            engine.sync(full=True)
        last = engine.sync()
        with database.read() as conn:
            times = {row.id: (row.started, row.ended) for row in conn.execute(select(t.run))}
    apart, together = 0, 0
    for (one, first), (two, second) in combinations(sorted(here.runs.items()), 2):
        overlap = times[one][0] < times[two][1] and times[two][0] < times[one][1]
        apart += overlap and first == second
        together += overlap and first != second
    shown = [
        {row.email: [row.fields.get(name) for name in FIELDS[:2]] for row in liar.state.rows.values()}
        for liar in here.liars
    ]

    assert here.failures == []
    assert (apart, here.calls.at_one) == (0, 1)
    assert together > 0
    assert here.calls.at_several > 1
    assert here.busy > 0
    assert last.planned == 0
    assert shown[0] == shown[1] == shown[2]
