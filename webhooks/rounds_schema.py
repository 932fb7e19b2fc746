"""Procrastinate's tables in the store's own database and schema: made when they are missing, brought up to date by its
own steps. Done whenever a worker starts; two that start at once wait for each other.

Which of its steps the tables have is noted at the tables themselves, in the comment on the first of them.
"""

from __future__ import annotations

from pathlib import Path

from procrastinate.schema import SchemaManager
from sqlalchemy import Connection

from sync.store.database import Database
from sync.store.errors import StoreError

_OURS = "Regulars: "
_NOTED = "SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')"
_THERE = "SELECT to_regclass('procrastinate_jobs') IS NOT NULL"


def prepare(database: Database) -> None:
    """Leave the database with the tables that the installed Procrastinate knows. Killed in between, or done by two at
    once, it goes on where it stands."""
    folder = Path(SchemaManager.get_migrations_path())
    steps = {path.name: path for path in sorted(folder.glob("*.sql"), key=lambda path: path.name)}
    newest = max(steps)
    while True:
        with database.write() as conn:
            noted = str(conn.exec_driver_sql(_NOTED).scalar() or "")
            known = noted.removeprefix(_OURS)
            if noted.startswith(_OURS) and known >= newest:
                return  # a newer Procrastinate beside us keeps its tables fit for older ones
            if noted.startswith(_OURS):
                step = min(name for name in steps if name > known)
                _execute(conn, steps[step].read_text("utf-8"))  # one at a time: one may need another to be committed
            elif conn.exec_driver_sql(_THERE).scalar():
                raise StoreError(
                    "The database holds Procrastinate's tables of another program. Give Regulars a schema of its own"
                    " (REGULARS_DATABASE with ?schema=NAME)."
                )
            else:
                step = newest
                _execute(conn, SchemaManager.get_schema())
            _execute(conn, f"COMMENT ON TABLE procrastinate_jobs IS '{_OURS}{step}'")


def _execute(conn: Connection, script: str) -> None:
    """Several statements, with none of their signs taken for a parameter."""
    driver = conn.connection.driver_connection
    assert driver is not None
    driver.execute(script)
