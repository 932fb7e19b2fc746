"""Procrastinate brings workers to the work: at once when told, by itself when not, each connection to one at a time.
Its tables lie in the store's own database, and are brought up to date by its own steps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from procrastinate.schema import SchemaManager

from sync.store.database import Database, open_database
from sync.store.errors import StoreError
from tests.conftest import emptied
from webhooks import rounds_queue
from webhooks.rounds_queue import Bell, Queue
from webhooks.rounds_schema import prepare

PATIENCE = 30.0


@dataclass
class Mill:
    """Work whose end can be watched: what is in `waits` is due until it was drained."""

    waits: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    takes: float = 0.0
    at_it: set[str] = field(default_factory=set)
    most: int = 0
    clashes: int = 0
    fails: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def names(self) -> list[str]:
        return ["a", "b"]

    def due(self) -> list[str]:
        return sorted(self.waits)

    def drain(self, name: str, going: Callable[[], bool]) -> None:
        with self._lock:
            if self.fails:
                self.fails -= 1
                raise ConnectionError("the store is away")
            if name in self.at_it:
                self.clashes += 1  # what the lease is for: the queue alone does not promise it
                return
            self.at_it.add(name)
            self.most = max(self.most, len(self.at_it))
        time.sleep(self.takes)
        with self._lock:
            self.waits.discard(name)
            self.at_it.discard(name)
            self.done.append(name)

    def tidy(self) -> None:
        """Nothing is old."""


@pytest.fixture
def database(postgres: str, tmp_path: Path) -> Iterator[Database]:
    with open_database(emptied(postgres), tmp_path, now=lambda: time.time_ns() // 1_000_000) as opened:
        yield opened


@contextmanager
def working(database: Database, mill: Mill, failures: list[Exception]) -> Iterator[Queue]:
    """A worker on a thread of its own, ended in order."""
    queue = Queue(database, mill, failures.append)
    thread = threading.Thread(target=queue.run)
    thread.start()
    try:
        yield queue
    finally:
        queue.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def until(seen: Callable[[], bool]) -> float:
    begin = time.monotonic()
    while not seen():
        assert time.monotonic() < begin + PATIENCE, "it never came"
        time.sleep(0.01)
    return time.monotonic() - begin


def quiet(database: Database) -> bool:
    with database.read() as conn:
        return conn.exec_driver_sql("SELECT count(*) FROM procrastinate_jobs").scalar() == 0


def test_a_bell_in_another_process_wakes_a_worker(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sooner than it would look by itself, which here is never; and the connections are drained side by side."""
    monkeypatch.setattr(rounds_queue, "EVERY", 59)
    mill, failures = Mill(takes=3.0), list[Exception]()
    with working(database, mill, failures), closing(Bell(database, failures.append)) as bell:
        until(lambda: quiet(database))
        mill.waits = {"a", "b"}
        for _ in range(20):
            bell.wake()
        took = until(lambda: sorted(mill.done) == ["a", "b"])

    assert failures == []
    assert mill.most == 2
    assert took < 20


def test_a_lost_wake_up_loses_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody told, and it is done all the same; a failure is told and tried again."""
    monkeypatch.setattr(rounds_queue, "EVERY", 1)
    mill, failures = Mill(fails=1), list[Exception]()
    with working(database, mill, failures):
        mill.waits = {"a"}
        until(lambda: mill.done == ["a"])

    assert [str(one) for one in failures] == ["the store is away"]


def test_of_each_connection_one_drain_waits_at_most(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is found due while it is at work."""
    monkeypatch.setattr(rounds_queue, "EVERY", 59)
    mill, failures, most = Mill(waits={"a"}, takes=2.0), list[Exception](), 0
    with working(database, mill, failures) as queue:
        until(lambda: "a" in mill.at_it)
        for _ in range(10):
            queue.wake()
            with database.read() as conn:
                query = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'drain' AND status = 'todo'"
                most = max(most, int(conn.exec_driver_sql(query).scalar_one()))
            time.sleep(0.1)
        until(lambda: mill.done == ["a"])

    assert (failures, most <= 1) == ([], True)


def test_what_is_at_hand_is_finished_at_the_end(database: Database) -> None:
    """Stopped in the middle of a drain, the worker ends it."""
    mill, failures = Mill(waits={"a"}, takes=1.0), list[Exception]()
    with working(database, mill, failures) as queue:
        queue.wake()
        until(lambda: "a" in mill.at_it)

    assert (failures, mill.done) == ([], ["a"])


def test_its_tables_are_made_once_and_brought_up_to_date(postgres: str, tmp_path: Path) -> None:
    """From an older Procrastinate's tables, by its own steps; a second time changes nothing."""
    url = f"{postgres}&schema=older"
    with open_database(url, tmp_path, now=lambda: 0) as database:
        steps = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"), key=lambda path: path.name)
        old = [step for step in steps if step.name < "03."]  # as the last version 2 left them
        for step in old:
            with database.write() as conn:
                driver = conn.connection.driver_connection
                assert driver is not None
                driver.execute(step.read_text("utf-8"))
        with database.write() as conn:
            conn.exec_driver_sql(f"COMMENT ON TABLE procrastinate_jobs IS 'Regulars: {old[-1].name}'")
        before = _functions(database)
        prepare(database)
        after = _functions(database)
        prepare(database)

        assert before != after
        assert _functions(database) == after
    with open_database(f"{postgres}&schema=newer", tmp_path, now=lambda: 0) as fresh:
        prepare(fresh)

        assert _functions(fresh) == after


def test_tables_of_another_program_are_left_alone(postgres: str, tmp_path: Path) -> None:
    """Somebody else's queue in the same schema is no place for ours."""
    with open_database(f"{postgres}&schema=others", tmp_path, now=lambda: 0) as database:
        with database.write() as conn:
            conn.exec_driver_sql("CREATE TABLE procrastinate_jobs (id bigint)")
        with pytest.raises(StoreError, match="of another program"):
            prepare(database)


def _functions(database: Database) -> list[str]:
    """Procrastinate's functions in this schema, as they are called."""
    query = (
        "SELECT proname || pg_get_function_identity_arguments(p.oid) FROM pg_proc AS p"
        " JOIN pg_namespace AS n ON n.oid = pronamespace WHERE nspname = current_schema()"
    )
    with database.read() as conn:
        return sorted(str(row[0]) for row in conn.exec_driver_sql(query).all())
