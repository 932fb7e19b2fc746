"""What the store shows: failures by runs, guards, writes that wait and listeners that were disabled by what is so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from mapping.model import Millis
from sync import notices, runs
from sync.balance import Balance, ConnectionBalance, StreamBalance
from sync.guard import Brake, Stop
from sync.notices_due import Kind, Matter
from sync.store import schema as t
from sync.store.database import Database, open_database
from sync.store.schema_events import DISABLED, subscription

NAMES = ("hubspot", "mailchimp")


class Clock:
    """The store's time, moved by hand."""

    def __init__(self) -> None:
        self.at: Millis = 1_790_000_000_000

    def __call__(self) -> Millis:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_url: str | None, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    with open_database(store_url, tmp_path, now=clock) as database:
        runs.register(database, [(name, name) for name in NAMES])
        yield database


def run(store: Database, clock: Clock, kind: str = "sync", pulled: tuple[str, ...] = NAMES, **parts: object) -> int:
    """A run of a minute that looked at *pulled* whole, and ends with this balance."""
    clock.at += 60_000
    number, _ = runs.begin(store, kind, clock.at)
    clock.at += 60_000
    with store.write() as conn:
        c = t.connection.c
        conn.execute(update(t.connection).where(c.name.in_(pulled)).values(pulled_at=clock.at))
    balance = Balance(run=number, kind=kind, connections={name: ConnectionBalance() for name in NAMES})
    for name, value in parts.items():
        setattr(balance, name, value)
    runs.end(store, number, balance, clock.at)
    return number


def look(store: Database, names: tuple[str, ...] = NAMES) -> dict[tuple[str, str], Matter]:
    """Look, note it, and say what is known; looking again finds nothing new."""
    with store.write() as conn:
        view, moved = notices.look(conn, names, store.now())
        if moved:
            notices.keep(conn, view)
    with store.read() as conn:
        assert not notices.look(conn, names, store.now())[1]
        return {(kind.value, subject): one for (kind, subject), one in notices.matters(conn).items()}


def standing(store: Database) -> list[tuple[str, str]]:
    return sorted(name for name, one in look(store).items() if not one.ended)


def test_a_failure_lasts_until_the_connection_was_looked_at_whole(store: Database, clock: Clock) -> None:
    """Its runs are counted; runs about others, or only about whom the inbox names, do not end it."""
    run(store, clock, pulled=("mailchimp",), failures={"hubspot": "secret-token is refused"})
    began = clock.at - 60_000
    look(store)
    run(store, clock, pulled=("mailchimp",), failures={"hubspot": "again"})
    run(store, clock, kind="hear", pulled=())
    run(store, clock, pulled=("mailchimp",))
    lasting = look(store)
    run(store, clock)
    ended = look(store)

    assert lasting == {("failure", "hubspot"): Matter(Kind.FAILURE, "hubspot", began, {"runs": 2})}
    assert ended[("failure", "hubspot")].ended == clock.at


def test_a_write_that_fails_is_a_failure_though_reading_works(store: Database, clock: Clock) -> None:
    """A connection that was read in the very run in which writing to it broke off has not recovered by that."""
    run(store, clock, failures={"hubspot": "broke off"})

    assert standing(store) == [("failure", "hubspot")]


def test_a_stream_that_fails_is_a_failure(store: Database, clock: Clock) -> None:
    """Deals that cannot be read are as quiet a failure as contacts."""
    part = ConnectionBalance(streams={"deals": StreamBalance(failure="TooNarrow")})
    run(store, clock, connections={"hubspot": part, "mailchimp": ConnectionBalance()})

    assert standing(store) == [("failure", "hubspot")]


def test_a_guard_stands_until_it_is_released(store: Database, clock: Clock) -> None:
    """With what it counted; while a run is under way its stops come and go, and nothing is concluded."""
    runs.stop(store, Stop(Brake.OPT_OUTS, "mailchimp", "far too many", 120))
    run(store, clock)
    stopped = look(store)
    runs.clear_stops(store, "mailchimp")
    number, _ = runs.begin(store, "sync", clock.at)
    meanwhile = standing(store)
    runs.end(store, number, Balance(run=number), clock.at)

    assert stopped[("guard", "mailchimp")].counts == {"opt_outs": 120}
    assert meanwhile == [("guard", "mailchimp")]
    assert standing(store) == []


def test_writes_that_wait_are_told_where_nothing_else_explains_them(store: Database, clock: Clock) -> None:
    """Those that a sync left and those that may have arrived; a rehearsal leaves none."""
    left = {"hubspot": ConnectionBalance(planned=3, pending=3), "mailchimp": ConnectionBalance(planned=2, pending=2)}
    run(store, clock, kind="plan", connections=left)
    rehearsed = standing(store)
    run(store, clock, pulled=("hubspot",), connections=left, failures={"mailchimp": "down"})
    waits = look(store)
    run(store, clock)

    assert rehearsed == []
    assert waits[("waiting", "hubspot")].counts == {"pending": 3}
    assert ("waiting", "mailchimp") not in waits
    assert standing(store) == []
    with store.write() as conn:
        row = {"run": 1, "connection": "hubspot", "kind": "task", "person": "p", "row": "{}", "at": 1}
        conn.execute(insert(t.write).values(state="uncertain", **row))
    assert look(store)[("waiting", "hubspot")].counts == {"uncertain": 1}


def test_a_listener_that_was_disabled(store: Database, clock: Clock) -> None:
    """Until it is resumed or removed."""
    with store.write() as conn:
        conn.execute(insert(subscription).values(id="sub_1", url="x", kinds="[]", made=1, state=DISABLED))
    disabled = standing(store)
    with store.write() as conn:
        conn.execute(update(subscription).values(state=0))

    assert disabled == [("subscription", "sub_1")]
    assert standing(store) == []


def test_a_run_that_cannot_begin(store: Database, clock: Clock) -> None:
    """Until one ends; its attempts are counted."""
    for _ in range(2):
        with store.write() as conn:
            notices.broke(conn, clock.at)
    stands = look(store)
    run(store, clock)

    assert stands[("run", "")].counts == {"attempts": 2}
    assert standing(store) == []


def test_a_connection_that_is_gone_is_no_matter_any_more(store: Database, clock: Clock) -> None:
    """Nobody is told of the end of what they took away themselves."""
    run(store, clock, pulled=(), failures={"hubspot": "down", "mailchimp": "down"})
    look(store)

    assert sorted(look(store, ("mailchimp",))) == [("failure", "mailchimp")]


def test_only_the_newest_runs_are_read_at_first(store: Database, clock: Clock) -> None:
    """A store of thousands of runs is not read whole at the first look; at later ones no run is passed over."""
    run(store, clock, pulled=("mailchimp",), failures={"hubspot": "long ago"})
    for _ in range(notices.FIRST):
        run(store, clock, kind="hear", pulled=())
    first = standing(store)
    run(store, clock, pulled=("mailchimp",), failures={"hubspot": "now"})
    for _ in range(notices.FIRST):
        run(store, clock, kind="hear", pulled=())

    assert first == []
    assert standing(store) == [("failure", "hubspot")]
