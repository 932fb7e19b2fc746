"""Stores for tests: each test that asks for one runs on SQLite, and on PostgreSQL where a server answers.

PostgreSQL is looked for at REGULARS_TEST_POSTGRES (default: this machine, by the rules of libpq). Each worker makes
one database there, empties its tables before each test, and drops it at the end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from sync.store.database import Database, open_database

_SERVER = os.environ.get("REGULARS_TEST_POSTGRES", "postgresql://127.0.0.1:5432/postgres")

_EMPTY = """
DO $$
DECLARE name text; found boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', name) INTO found;
        IF found THEN EXECUTE format('TRUNCATE %I RESTART IDENTITY CASCADE', name); END IF;
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', name);
    END LOOP;
END $$
"""


def pytest_report_header() -> str:
    """Say at the top whether PostgreSQL takes part; hundreds of lines about skipped tests would hide it."""
    try:
        with psycopg.connect(_SERVER, connect_timeout=3) as server:
            return f"PostgreSQL: {server.info.server_version // 10_000}, at {_hidden()}"
    except psycopg.OperationalError:
        return f"PostgreSQL: none answers at {_hidden()} (REGULARS_TEST_POSTGRES), so its tests are skipped"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Law by mutant, in one table, whichever workers killed them."""
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    rows = sorted(
        {tuple(value) for one in reports for name, value in getattr(one, "user_properties", ()) if name == "mutant"}
    )
    if rows:
        widths = [max(len(row[place]) for row in rows) for place in range(2)]
        terminalreporter.section("law x mutant")
        for law, wrong, died in rows:
            terminalreporter.write_line(f"{law:{widths[0]}}  {wrong:{widths[1]}}  {died}")


@pytest.fixture(scope="session")
def postgres(worker_id: str) -> Iterator[str]:
    """The address of an empty database of this worker's own, with quick commits; skips where no server answers."""
    name = f"regulars_test_{os.getpid()}_{worker_id}"
    try:
        server = psycopg.connect(_SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {_hidden()} ({str(error).splitlines()[-1].strip()})")
    with server:
        try:
            server.execute(f'CREATE DATABASE "{name}"')
        except psycopg.Error as error:
            pytest.skip(f"PostgreSQL at {_hidden()} lets us create no database ({error})")
        yield _address(name)
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """What REGULARS_DATABASE would say: None for a file in the test's folder, else an empty PostgreSQL database."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres")
    return emptied(url)


@pytest.fixture
def database(store_url: str | None, tmp_path: Path) -> Iterator[Database]:
    """An open, empty store, on SQLite and on PostgreSQL in turn."""
    with open_database(store_url, tmp_path, now=lambda: time.time_ns() // 1_000_000) as opened:
        yield opened


def emptied(url: str) -> str:
    """The same address, its tables without rows."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_EMPTY)
    return url


def _address(name: str) -> str:
    # Nothing in a test outlives a power cut, so commits need not wait for the disk; the tests of `durable` look at
    # the setting itself.
    url = make_url(_SERVER).set(database=name, query={"options": "-csynchronous_commit=off"})
    return url.render_as_string(hide_password=False)


def _hidden() -> str:
    return make_url(_SERVER).render_as_string(hide_password=True)
