"""Runs that nothing came of go after some days; whatever anything rests on stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from mapping.model import Millis
from sync import events, queries, runs, runs_thin
from sync.balance import Balance, ConnectionBalance, StreamBalance
from sync.guard import Brake, Stop
from sync.store import schema as t
from sync.store.database import Database, open_database
from sync.store.schema_events import subscription
from sync.store.schema_inbox import DONE, inbox
from tests.cli.shop import Shop

DAY: Millis = 86_400_000
START: Millis = 1_790_000_000_000


class Clock:
    """The store's time, moved by hand."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> Millis:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_url: str | None, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    with open_database(store_url, tmp_path, now=clock) as database:
        yield database


def run(store: Database, part: ConnectionBalance | None = None, **values: Any) -> int:
    """A run that ends with this balance."""
    number, _ = runs.begin(store, values.pop("kind", "sync"), store.now(), undoes=values.pop("undoes", 0))
    balance = Balance(run=number, connections={"hubspot": part or ConnectionBalance(pulled=1, unchanged=1)}, **values)
    runs.end(store, number, balance, store.now())
    return number


def with_one(counts: Any, name: str) -> Any:
    """The same balance with one of these."""
    setattr(counts, name, 1)
    return counts


def newest(store: Database) -> None:
    """So many runs that all before them may go."""
    for _ in range(runs_thin.NEWEST):
        run(store)


def kept(store: Database) -> list[int]:
    with store.read() as conn:
        return sorted(conn.execute(select(t.run.c.id)).scalars())


def test_idle_runs_go_and_the_newest_stay(store: Database, clock: Clock) -> None:
    """Three days later; twice is once; the list and the next run are as before."""
    for _ in range(5):
        run(store)
    newest(store)
    clock.at += runs_thin.KEPT - 1
    too_early = runs_thin.thin(store)
    clock.at += 2
    gone, again = runs_thin.thin(store), runs_thin.thin(store)
    revision = runs.last_revision(store)
    following, next_revision = runs.begin(store, "sync", clock.at)

    assert (too_early, gone, again) == (0, 5, 0)
    assert kept(store)[:-1] == list(range(6, 6 + runs_thin.NEWEST))
    assert (following, next_revision) == (6 + runs_thin.NEWEST, revision + 1)
    with store.read() as conn:
        assert len(queries.runs(conn, 99)) == runs_thin.NEWEST + 1


@pytest.mark.parametrize(
    "part",
    [
        *(with_one(ConnectionBalance(), name) for name in (*runs_thin._READ, *runs_thin._WROTE)),
        *(ConnectionBalance(streams={"deals": with_one(StreamBalance(), name)}) for name in runs_thin._STREAM),
    ],
)
def test_a_run_that_did_something_stays(tmp_path: Path, clock: Clock, part: ConnectionBalance) -> None:
    """Read something new, or wrote, or tried to."""
    with open_database("sqlite://", tmp_path, now=clock) as store:
        number = run(store, part)
        run(store)
        newest(store)
        clock.at += 9 * DAY

        assert runs_thin.thin(store) == 1
        assert number in kept(store)


def test_waiting_writes_keep_no_run(store: Database, clock: Clock) -> None:
    """What is held and planned again each minute is no deed of each minute."""
    for _ in range(3):
        run(store, ConnectionBalance(planned=4, held=4), planned=4)
    newest(store)
    clock.at += 9 * DAY

    assert runs_thin.thin(store) == 3


def test_the_turns_of_trouble_stay(store: Database, clock: Clock) -> None:
    """Of a hundred runs that failed alike the first stays, and the first that was in order again."""
    stop = Stop(Brake.CREATES, "hubspot", "many", 300)
    for _ in range(3):
        run(store)
    for _ in range(3):
        run(store, failures={"hubspot": "down"})
    for _ in range(3):
        run(store, failures={"hubspot": "down, in other words"}, stops=[stop])
    for _ in range(3):
        run(store)
    newest(store)
    clock.at += 9 * DAY
    runs_thin.thin(store)

    assert [number for number in kept(store) if number <= 12] == [4, 7, 10]


def test_what_is_named_stays(store: Database, clock: Clock) -> None:
    """By a write, a decision of an undo, a delivery, an undo; and a run that was broken off."""
    numbers = [run(store) for _ in range(6)]
    with store.write() as conn:
        row = {"connection": "hubspot", "kind": "update", "person": "p", "row": "{}", "state": "refused", "at": 1}
        conn.execute(insert(t.write).values(run=numbers[0], **row))
        conn.execute(insert(t.decision).values(kind="hold", record=1, at=1, revision=1, run=numbers[1]))
        conn.execute(insert(inbox).values(connection="hubspot", key="k", at=1, body=b"x", state=DONE, run=numbers[2]))
    undo = run(store, kind="undo", undoes=numbers[3])
    broken, _ = runs.begin(store, "sync", clock.at)
    newest(store)
    clock.at += 9 * DAY

    assert runs_thin.thin(store) == 2
    assert [number for number in kept(store) if number <= broken] == [*numbers[:4], undo, broken]


def test_who_listens_hears_of_each_run_first(store: Database, clock: Clock) -> None:
    """A run whose end was not derived yet is not forgotten."""
    with store.write() as conn:
        conn.execute(insert(subscription).values(id="sub_1", url="x", kinds='["run.finished"]', made=1))
        events.begin(conn)
    run(store)
    newest(store)
    clock.at += 9 * DAY
    untold = runs_thin.thin(store)
    events.derive(store, clock.at)

    assert (untold, runs_thin.thin(store)) == (0, 1)
    with store.read() as conn:
        assert len(events.newest(conn, "run.finished", 99)) == 1 + runs_thin.NEWEST


def test_many_are_thinned_in_portions(store: Database, clock: Clock) -> None:
    """More than fit into one transaction, each looked at once."""
    with store.write() as conn:
        row = {"kind": "sync", "started": START, "ended": START, "balance": "{}"}
        number = 2 * runs_thin.TOGETHER + 7
        conn.execute(insert(t.run), [{"revision": one, **row} for one in range(number)])
    clock.at += 9 * DAY

    assert runs_thin.thin(store) == number - runs_thin.NEWEST
    assert runs_thin.thin(store) == 0


def test_undo_and_why_are_as_before(town: Shop) -> None:
    """A town whose runs were thinned out answers like one whose were not, and takes its first sync back."""
    assert town.run("sync").code in (0, 1)
    for _ in range(3):
        assert town.run("sync").code in (0, 1)
    people = [one["id"] for one in town.run("people", "--json", "--limit", "20").json["people"]]
    before = [town.run("why", one, "--json").json for one in people]
    all_runs = len(town.run("runs", "--json").json)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs_thin, "NEWEST", 1)
        patch.setattr(runs_thin, "KEPT", -DAY)
        with open_database(None, town.folder, now=lambda: START + 9999 * DAY) as store:
            gone = runs_thin.thin(store)
    left = town.run("runs", "--json").json
    after = [town.run("why", one, "--json").json for one in people]
    undone = town.run("undo", "1", "--json")

    assert gone > 0
    assert len(left) == all_runs - gone
    assert after == before
    assert sum(one["applied"] for one in undone.json["connections"].values()) > 0
