"""Versions: a new store equals a migrated one; newer is refused; older is backed up first; crashes leave the old."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, insert, inspect, select
from sqlalchemy.pool import StaticPool

from sync.lease import Busy, lease
from sync.store import upgrade
from sync.store.database import FILE, Database, open_database
from sync.store.errors import StoreError
from sync.store.migrations import REVISIONS
from sync.store.schema import meta

NOW = 1_790_000_000_000
LAST, NEXT = REVISIONS[-1], f"{int(REVISIONS[-1]) + 1:04}"
"""Today's version of the tables, and the one that a test makes up."""


def clock() -> int:
    return NOW


def described(conn: Connection) -> dict[str, Any]:
    """All that the database says about its tables."""
    inspector = inspect(conn)
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(name)],
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted((i["name"] or "", i["column_names"], i["unique"]) for i in inspector.get_indexes(name)),
            [{key: str(value) for key, value in i["dialect_options"].items()} for i in inspector.get_indexes(name)],
        )
        for name in sorted(inspector.get_table_names())
    }


def test_new_equals_migrated(database: Database) -> None:
    """The short way to a new store and the steps one after the other end in the same schema."""
    with database.write() as conn:
        created = described(conn)
        tables = MetaData()
        tables.reflect(conn)
        tables.drop_all(conn)
        upgrade.run_migrations(conn)
        migrated = described(conn)
        version = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()

    assert migrated == created
    assert version == upgrade.HEAD


def test_new_equals_migrated_to_the_letter() -> None:
    """On SQLite the two ways also keep what no inspector shows, such as WITHOUT ROWID and partial indexes."""

    def flags(build: Callable[[Connection], None]) -> dict[str, tuple[object, ...]]:
        engine = create_engine("sqlite://", poolclass=StaticPool)
        with engine.begin() as conn:
            build(conn)
            tables = conn.exec_driver_sql("PRAGMA table_list").all()
            partial = conn.exec_driver_sql(
                "SELECT name, sql LIKE '%WHERE%' FROM sqlite_master WHERE type = 'index'"
            ).all()
        engine.dispose()
        return {row[1]: tuple(row[2:]) for row in tables} | {row[0]: (row[1],) for row in partial}

    def created(conn: Connection) -> None:
        for statement in upgrade.create_statements(conn.dialect):
            conn.exec_driver_sql(statement)
        conn.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")

    assert flags(upgrade.run_migrations) == flags(created)


def test_known_versions_are_the_files() -> None:
    """`REVISIONS` lists exactly Alembic's steps, in their order."""
    config = Config()
    config.set_main_option("script_location", "sync.store:migrations")
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(steps)) == REVISIONS


def test_a_newer_store_is_refused(store_url: str | None, tmp_path: Path) -> None:
    """The message names the store, both versions and the way out; the store is left as it is."""
    with open_database(store_url, tmp_path, now=clock) as database, database.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9042'")
    try:
        with pytest.raises(StoreError, match=f"version 9042.*up to {upgrade.HEAD}. Install the newer") as caught:
            open_database(store_url, tmp_path, now=clock)

        assert database.where[1:] in str(caught.value)
    finally:
        with database.write() as conn:
            conn.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{upgrade.HEAD}'")
        database.close()


def test_somebody_elses_file_is_refused(tmp_path: Path) -> None:
    """Our tables are not added to another program's database."""
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("CREATE TABLE invoices (id)")
    other.close()

    with pytest.raises(StoreError, match="not Regulars' own"):
        open_database(None, tmp_path, now=clock)


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """This program knows one version more, which adds a table; real steps follow with the next release."""

    def step(conn: Connection) -> None:
        Operations(MigrationContext.configure(conn)).execute("CREATE TABLE gift (id INTEGER)")
        conn.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{NEXT}'")

    monkeypatch.setattr(upgrade, "REVISIONS", (*REVISIONS, NEXT))
    monkeypatch.setattr(upgrade, "HEAD", NEXT)
    monkeypatch.setattr(upgrade, "run_migrations", step)


def old_store(folder: Path) -> None:
    with open_database(None, folder, now=clock) as database, database.write() as conn:
        conn.execute(insert(meta).values(key="precious", value="1"))


def test_an_older_store_is_backed_up_and_upgraded(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The copy is complete, private, named by version and moment, and told; the store has the new tables."""
    old_store(tmp_path)
    request.getfixturevalue("next_version")
    with open_database(None, tmp_path, now=clock) as database:
        told = database.upgrade
        with database.read() as conn:
            tables = inspect(conn).get_table_names()
            kept = conn.execute(select(meta.c.value).where(meta.c.key == "precious")).scalar()

    backup = tmp_path / f"regulars.db.version-{LAST}.2026-09-21T141320Z.backup"
    assert told == upgrade.Upgrade(LAST, NEXT, backup)
    assert str(backup) in str(told)
    assert ("gift" in tables, kept) == (True, "1")
    assert backup.stat().st_mode & 0o777 == 0o600
    copy = sqlite3.connect(backup)
    assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [(LAST,)]
    assert copy.execute("SELECT value FROM meta WHERE key = 'precious'").fetchall() == [("1",)]
    copy.close()


def test_a_failed_upgrade_leaves_the_old_store(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps are one transaction: half an upgrade is none."""
    old_store(tmp_path)
    before = dump(tmp_path)
    request.getfixturevalue("next_version")

    def broken(conn: Connection) -> None:
        conn.exec_driver_sql("CREATE TABLE half (id)")
        raise RuntimeError

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(upgrade, "run_migrations", broken)
        open_database(None, tmp_path, now=clock)

    assert dump(tmp_path) == before


def test_no_backup_no_upgrade(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the copy cannot be written nothing is changed, and nothing half-written stays."""
    old_store(tmp_path)
    before = dump(tmp_path)
    request.getfixturevalue("next_version")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sync.store.upgrade.os.fsync", full)
    with pytest.raises(StoreError, match="could not be written.*No space left.*Nothing was changed"):
        open_database(None, tmp_path, now=clock)

    assert dump(tmp_path) == before
    assert not list(tmp_path.glob("*.backup*"))


def test_no_upgrade_while_a_sync_runs(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A sync of the older program keeps its tables until it has ended."""
    old_store(tmp_path)
    running = open_database(None, tmp_path, now=clock)
    request.getfixturevalue("next_version")
    with running, lease(running, "sync"), pytest.raises(Busy, match="Another sync is running"):
        open_database(None, tmp_path, now=clock)


def test_postgres_waits_for_a_backup(
    postgres: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We cannot back up a server, so we ask; an answer for another version does not count."""
    open_database(postgres, tmp_path, now=clock).close()
    request.getfixturevalue("next_version")
    monkeypatch.setenv("REGULARS_BACKUP_DONE", LAST)
    with pytest.raises(StoreError, match=f"pg_dump.*REGULARS_BACKUP_DONE={NEXT}.*Nothing was changed"):
        open_database(postgres, tmp_path, now=clock)

    monkeypatch.setenv("REGULARS_BACKUP_DONE", NEXT)
    with open_database(postgres, tmp_path, now=clock) as database:
        told = database.upgrade
        with database.write() as conn:
            conn.exec_driver_sql("DROP TABLE gift")
            conn.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{LAST}'")

    assert told == upgrade.Upgrade(LAST, NEXT, None)


_OPEN = """
import sys
from pathlib import Path
from sync.store.database import open_database
open_database(sys.argv[1] or None, Path(sys.argv[2]), now=lambda: 0).close()
"""


def test_two_processes_make_one_store(store_url: str | None, tmp_path: Path) -> None:
    """Started at the same moment on nothing, both end with the same, complete store."""
    if store_url:
        store_url = store_url.split("?", maxsplit=1)[0] + "?schema=race"
    children = [subprocess.Popen([sys.executable, "-c", _OPEN, store_url or "", str(tmp_path)]) for _ in range(2)]

    assert [child.wait() for child in children] == [0, 0]
    with open_database(store_url, tmp_path, now=clock) as database:
        if store_url:
            with database.write() as conn:
                conn.exec_driver_sql("DROP SCHEMA race CASCADE")


def test_making_one_is_quick(tmp_path: Path) -> None:
    """A new store costs tens of milliseconds of our process (best of five)."""
    times = []
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        start = time.process_time()
        open_database(None, folder, now=clock).close()
        times.append(time.process_time() - start)

    assert min(times) < 0.06


def dump(folder: Path) -> list[str]:
    conn = sqlite3.connect(folder / FILE)
    lines = [line for line in conn.iterdump() if '"lease"' not in line]
    conn.close()
    return lines
