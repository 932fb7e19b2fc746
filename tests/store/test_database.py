"""Transactions: one moment for readers, one writer, and intents that survive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from sync.store.database import FILE, Database, open_database
from sync.store.errors import StoreError
from sync.store.schema import meta

NOW = 1_790_000_000_000


def clock() -> int:
    return NOW


def put(database: Database, key: str) -> None:
    with database.write() as conn:
        conn.execute(insert(meta).values(key=key, value=""))


def keys(database: Database) -> set[str]:
    with database.read() as conn:
        return set(conn.execute(select(meta.c.key)).scalars())


def test_write_commits_and_an_exception_takes_back(database: Database) -> None:
    """A block is all or nothing."""
    put(database, "kept")
    with pytest.raises(RuntimeError), database.write() as conn:
        conn.execute(insert(meta).values(key="lost", value=""))
        raise RuntimeError

    assert keys(database) == {"kept"}


def test_durable_commits_too(database: Database) -> None:
    """A durable block is a write block that also waits for the disk."""
    with database.durable() as conn:
        conn.execute(insert(meta).values(key="a", value=""))
    put(database, "b")

    assert keys(database) == {"a", "b"}


def test_reader_sees_one_moment(database: Database) -> None:
    """What is committed meanwhile stays out of a read block."""
    put(database, "before")
    with database.read() as conn:
        first = set(conn.execute(select(meta.c.key)).scalars())
        put(database, "after")
        second = set(conn.execute(select(meta.c.key)).scalars())

    assert first == second == {"before"}
    assert keys(database) == {"before", "after"}


def test_writing_in_a_read_block_fails(database: Database) -> None:
    """A write that would be thrown away silently is an error at once."""
    with pytest.raises((StoreError, DBAPIError)), database.read() as conn:
        conn.execute(insert(meta).values(key="x", value=""))

    assert keys(database) == set()


def test_writers_take_turns(database: Database) -> None:
    """Threads that read, then write, lose no update: the second waits for the first."""
    put(database, "count")

    def add() -> None:
        for _ in range(10):
            with database.write() as conn:
                query = select(meta.c.value).where(meta.c.key == "count").with_for_update()
                value = int(conn.execute(query).scalar() or 0)
                conn.execute(text("UPDATE meta SET value = :v"), {"v": str(value + 1)})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as conn:
        assert conn.execute(select(meta.c.value)).scalar() == "40"


def test_a_write_inside_a_write_is_a_bug_said_at_once(tmp_path: Path) -> None:
    """It would wait for itself until the time-out."""
    with open_database(None, tmp_path, now=clock) as database:
        with pytest.raises(RuntimeError, match="inside another"), database.write(), database.write():
            pass
        put(database, "works again")

        assert keys(database) == {"works again"}


def test_constraint_errors_are_not_translated(database: Database) -> None:
    """A broken constraint is our bug, not the user's disk."""
    put(database, "twice")
    with pytest.raises(IntegrityError):
        put(database, "twice")


def test_in_memory_blocks_nest() -> None:
    """One connection serves all; an inner block that fails takes back its own part."""
    with open_database("sqlite://", Path(), now=clock) as database:
        with database.read() as outer:
            put(database, "a")
            with pytest.raises(RuntimeError), database.write() as conn:
                conn.execute(insert(meta).values(key="b", value=""))
                raise RuntimeError
            seen = set(outer.execute(select(meta.c.key)).scalars())

        assert seen == keys(database) == {"a"}


def test_durable_waits_for_the_disk(tmp_path: Path) -> None:
    """SQLite commits it with synchronous=FULL (2) and goes back to NORMAL (1)."""
    with open_database(None, tmp_path, now=clock) as database:
        with database.durable() as conn:
            inside = conn.exec_driver_sql("PRAGMA synchronous").scalar()
        with database.write() as conn:
            after = conn.exec_driver_sql("PRAGMA synchronous").scalar()

        assert (inside, after) == (2, 1)


def test_durable_waits_for_the_disk_on_postgres(postgres: str, tmp_path: Path) -> None:
    """Also where the server's own setting does not wait, and only in that transaction."""
    with open_database(postgres, tmp_path, now=clock) as database:
        with database.durable() as conn:
            inside = conn.exec_driver_sql("SHOW synchronous_commit").scalar()
        with database.write() as conn:
            after = conn.exec_driver_sql("SHOW synchronous_commit").scalar()

        assert (inside, after) == ("on", "off")


_CHILD = """
import sys, time
from pathlib import Path
from sqlalchemy import insert
from sync.store.database import open_database
from sync.store.schema import meta
database = open_database(sys.argv[1] or None, Path(sys.argv[2]), now=lambda: 0)
with database.durable() as conn:
    conn.execute(insert(meta).values(key="intent", value=""))
with database.write() as conn:
    conn.execute(insert(meta).values(key="half", value=""))
    print("ready", flush=True)
    time.sleep(60)
"""


def test_an_intent_survives_kill(store_url: str | None, tmp_path: Path) -> None:
    """A process killed in its next transaction leaves the intent, and nothing of that transaction."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, store_url or "", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()

    with open_database(store_url, tmp_path, now=clock) as database:
        assert keys(database) == {"intent"}
        put(database, "and goes on")


def test_store_file_is_private(tmp_path: Path) -> None:
    """An address book is read by its owner only, and so is its log."""
    with open_database(None, tmp_path, now=clock) as database:
        put(database, "x")
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}

    assert modes == {FILE: 0o600, f"{FILE}-wal": 0o600, f"{FILE}-shm": 0o600}


def test_schema_of_its_own(postgres: str, tmp_path: Path) -> None:
    """Two businesses share one database, each in the schema that `?schema=` names, made when needed."""
    url = postgres.split("?", maxsplit=1)[0] + "?schema="
    with (
        open_database(url + "bakery", tmp_path, now=clock) as one,
        open_database(url + "Studio_2", tmp_path, now=clock) as two,
    ):
        put(one, "bread")

        assert (keys(one), keys(two)) == ({"bread"}, set())
        for database, name in ((one, "bakery"), (two, "Studio_2")):
            with database.write() as conn:
                conn.exec_driver_sql(f'DROP SCHEMA "{name}" CASCADE')


def test_opening_is_quick(tmp_path: Path) -> None:
    """An up-to-date store costs milliseconds of our process, without Alembic (best of five)."""
    open_database(None, tmp_path, now=clock).close()
    times = []
    for _ in range(5):
        start = time.process_time()
        open_database(None, tmp_path, now=clock).close()
        times.append(time.process_time() - start)

    assert min(times) < 0.02


def test_repr_hides_the_password(tmp_path: Path, postgres: str) -> None:
    """What is logged by accident is harmless."""
    with open_database(
        postgres.replace("://", "://root:s3cret@", 1) if "@" not in postgres else postgres, tmp_path, now=clock
    ) as one:
        assert "s3cret" not in repr(one) + repr(one.engine) + one.where
