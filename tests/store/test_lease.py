"""Two syncs at once: the second says who is at it, may wait, and takes over from the dead at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sync.lease import Busy, lease
from sync.store.database import Database, open_database
from sync.store.errors import StoreError

NOW = 1_790_000_000_000


def second(store_url: str | None, folder: Path) -> Database:
    """The store as another process opens it."""
    return open_database(store_url, folder, now=lambda: NOW)


def test_the_second_is_told_who_is_at_it(database: Database, store_url: str | None, tmp_path: Path) -> None:
    """Machine, process and since when; and what to do."""
    with (
        second(store_url, tmp_path) as other,
        lease(database, "sync", now=lambda: NOW),
        pytest.raises(Busy, match=r"Another sync is running.*since 2026-09-21 14:13:20 UTC\). Wait") as caught,
        lease(other, "sync"),
    ):
        pass

    assert caught.value.holder is not None
    assert caught.value.holder.pid == os.getpid()


def test_the_next_has_it_when_the_first_is_done(database: Database, store_url: str | None, tmp_path: Path) -> None:
    """It is given back by the end of the block, however it ends."""
    with second(store_url, tmp_path) as other:
        with lease(database, "sync"):
            pass
        with pytest.raises(RuntimeError), lease(other, "sync"):
            raise RuntimeError
        with lease(database, "sync") as held:
            held.check()


def test_waiting(database: Database, store_url: str | None, tmp_path: Path) -> None:
    """One who waits gets it when the first is done, and gives up after *wait* seconds."""
    with second(store_url, tmp_path) as other:
        first = lease(database, "sync")
        first.__enter__()
        naps: list[float] = []
        with pytest.raises(Busy), lease(other, "sync", wait=1.0, sleep=naps.append):
            pass
        gave_up_after = sum(naps)

        def sleep(_seconds: float) -> None:
            if len(naps) > 10:
                first.__exit__(None, None, None)
            naps.append(0.0)

        with lease(other, "sync", wait=60.0, sleep=sleep) as held:
            held.check()

    assert 1.0 <= gave_up_after < 1.5


def test_names_are_apart(database: Database, store_url: str | None, tmp_path: Path) -> None:
    """A lease of one name does not hold up another."""
    with second(store_url, tmp_path) as other, lease(database, "sync"), lease(other, "webhooks") as held:
        held.check()


def test_in_memory_too() -> None:
    """A store that only this process sees has leases all the same."""
    with open_database("sqlite://", Path(), now=lambda: NOW) as database:
        with lease(database, "sync"), pytest.raises(Busy), lease(database, "sync"):
            pass
        with lease(database, "sync") as held:
            held.check()


_CHILD = """
import sys, time
from pathlib import Path
from sync.lease import lease
from sync.store.database import open_database
database = open_database(sys.argv[1] or None, Path(sys.argv[2]), now=lambda: 0)
with lease(database, "sync"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_holder_frees_it_at_once(store_url: str | None, tmp_path: Path) -> None:
    """No expiry is waited for; the dead one's name is written over."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, store_url or "", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with second(store_url, tmp_path) as database:
        with pytest.raises(Busy, match=f"process {child.pid} on") as caught, lease(database, "sync"):
            pass
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        # A server notices the closed connection in its own time, which is milliseconds and not zero.
        with lease(database, "sync", wait=5.0 if store_url else 0.0) as held:
            held.check()

    assert caught.value.holder is not None


def test_a_server_that_takes_it_back_is_noticed(postgres: str, tmp_path: Path) -> None:
    """A holder whose connection died stops instead of colliding."""
    with second(postgres, tmp_path) as database, lease(database, "sync") as held:
        with database.read() as conn:
            conn.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        with pytest.raises(StoreError, match="was lost, so this run stopped"):
            held.check()


def test_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock file's own error is said in words."""
    with second(None, tmp_path) as database:

        def refuse(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("sync.locks.os.open", refuse)
        with pytest.raises(StoreError, match="-gate.lock cannot be opened: Permission denied"), lease(database, "sync"):
            pass
