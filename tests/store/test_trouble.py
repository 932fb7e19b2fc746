"""What goes wrong with a store is said in people's words, and what was committed stays."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from sync.store.database import FILE, Database, open_database
from sync.store.errors import StoreError
from sync.store.schema import journal, meta


def clock() -> int:
    return 1_790_000_000_000


def put(database: Database, key: str) -> None:
    with database.write() as conn:
        conn.execute(insert(meta).values(key=key, value=""))


def keys(database: Database) -> set[str]:
    with database.read() as conn:
        return set(conn.execute(select(meta.c.key)).scalars())


def test_full_disk(tmp_path: Path) -> None:
    """It is said, what was there stays, and the store goes on when there is room."""
    with open_database(None, tmp_path, now=clock) as database:
        put(database, "before")
        with database.write() as conn:
            pages = conn.exec_driver_sql("PRAGMA page_count").scalar()
            conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="is full.*run\\s+the same command again"), database.write() as conn:
            conn.execute(insert(journal).values(at=0, revision=1, before="x" * 1_000_000))
        with database.write() as conn:
            conn.exec_driver_sql("PRAGMA max_page_count = 1000000")
        put(database, "after")

        assert keys(database) == {"before", "after"}
        with database.read() as conn:
            assert conn.execute(select(func.count()).select_from(journal)).scalar() == 0


def test_damaged_file(tmp_path: Path) -> None:
    """What is no SQLite file is refused by name and left as it is."""
    (tmp_path / FILE).write_bytes(b"not a database, certainly" * 100)
    with pytest.raises(StoreError, match="not a Regulars store.*Move it away"):
        open_database(None, tmp_path, now=clock)

    assert (tmp_path / FILE).read_bytes() == b"not a database, certainly" * 100


def test_torn_file(tmp_path: Path) -> None:
    """A store whose pages were overwritten is said to be damaged, with the way out."""
    with open_database(None, tmp_path, now=clock) as database:
        put(database, "x")
    body = bytearray((tmp_path / FILE).read_bytes())
    body[200:] = b"\xff" * (len(body) - 200)
    (tmp_path / FILE).write_bytes(body)

    with pytest.raises(StoreError, match="damaged"):
        open_database(None, tmp_path, now=clock)


def test_locked_by_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who keeps the file locked is waited for, then named as the reason."""
    monkeypatch.setattr("sync.store.database._BUSY_MS", 50)
    with open_database(None, tmp_path, now=clock) as database:
        other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="Another program has been writing"):
            put(database, "x")
        other.close()
        put(database, "y")

        assert keys(database) == {"y"}


def test_no_such_folder(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(StoreError, match=r"regulars\.db cannot be made: No such file or directory"):
        open_database(None, tmp_path / "nowhere", now=clock)


def test_read_only_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be written is said before anything is tried."""
    open_database(None, tmp_path, now=clock).close()
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) != tmp_path / FILE)  # root may write anything
    with pytest.raises(StoreError, match="cannot be written"):
        open_database(None, tmp_path, now=clock)


def test_no_server(tmp_path: Path) -> None:
    """No password in the message, and what to check."""
    with pytest.raises(StoreError, match="could not be made. Check that the server runs") as caught:
        open_database("postgres://ann:s3cret@127.0.0.1:1/shop", tmp_path, now=clock)

    assert "database shop on 127.0.0.1:1" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_no_such_database(postgres: str, tmp_path: Path) -> None:
    """The way out is `createdb`."""
    url = postgres.replace("/regulars_test_", "/regulars_none_")
    with pytest.raises(StoreError, match="lost or could not be made|does not exist") as caught:
        open_database(url, tmp_path, now=clock)

    assert "regulars_none_" in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://x", "hello", "postgresql://[", "postgresql://h/d?schema=a%22b"])
def test_unknown_address(url: str, tmp_path: Path) -> None:
    """What REGULARS_DATABASE cannot mean is refused with what it can."""
    with pytest.raises(StoreError, match="REGULARS_DATABASE"):
        open_database(url, tmp_path, now=clock)


def test_lost_connection(postgres: str, tmp_path: Path) -> None:
    """A server that goes away is said in words, and the store goes on when it is back."""
    with open_database(postgres, tmp_path, now=clock) as database:
        with pytest.raises(StoreError, match="was lost"), database.write() as conn:
            pid = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            with database.read() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
            conn.exec_driver_sql("SELECT 1")
        with database.read() as conn:
            assert conn.exec_driver_sql("SELECT 1").scalar() == 1
