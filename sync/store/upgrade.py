"""Versions of the store: make a new one, refuse a newer one, bring an older one up to date after a backup.

An up-to-date store costs one small query; Alembic is loaded only for a real migration.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from sync.store.database import Database
from sync.store.errors import StoreError
from sync.store.migrations import REVISIONS
from sync.store.schema_all import metadata

HEAD = REVISIONS[-1]
BACKUP_VARIABLE = "REGULARS_BACKUP_DONE"

_MIGRATING = 0x5265_6775_6C61_7273  # "Regulars"; the advisory lock of whoever makes or migrates tables


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A migration that was carried out. `backup` is the copy made before it; None on PostgreSQL."""

    found: str
    now: str
    backup: Path | None

    def __str__(self) -> str:
        kept = f"; the store as it was lies in {self.backup}" if self.backup else ""
        return f"The store was brought from version {self.found} to {self.now}{kept}."


def prepare(database: Database, environ: Mapping[str, str] = os.environ) -> None:
    """Leave the store with this version's tables, or raise StoreError and leave it as it was.

    Two processes may do this at once: the second waits, looks again and finds nothing to do.
    """
    with database.engine.connect() as conn:
        found = _version(conn)
    if found == HEAD:
        return
    with _alone(database) as conn:
        found = _version(conn)
        if found is None:
            _create(conn, database)
            return
    _refuse_newer(found, database)
    if found != HEAD:
        _migrate(database, found, environ)


def create_statements(dialect: Dialect) -> list[str]:
    """The statements that make all tables of this version, for one dialect."""
    return list(_statements(dialect.name, dialect))


def _version(conn: Connection) -> str | None:
    """The version found; None where there are no tables at all. Raises StoreError for somebody else's tables."""
    if conn.dialect.name == "sqlite":
        tables = {row[0] for row in conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
    else:
        query = (
            "SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace"
            " WHERE nspname = current_schema() AND relkind = 'r'"
        )
        tables = {row[0] for row in conn.exec_driver_sql(query)}
    if "alembic_version" in tables:
        return str(conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
    if tables & set(metadata.tables) or (tables and conn.dialect.name == "sqlite"):
        raise StoreError(
            "The database holds tables that are not Regulars' own. Use another file, database or schema"
            " (REGULARS_DATABASE with ?schema=NAME)."
        )
    return None


def _create(conn: Connection, database: Database) -> None:
    """Make all tables at once. The migrations would end in the same schema (a test compares them), ten times as
    slowly."""
    statements = create_statements(conn.dialect)
    statements.append("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    statements.append(f"INSERT INTO alembic_version VALUES ('{HEAD}')")  # noqa: S608 - a constant
    if database.is_sqlite:
        for statement in statements:
            conn.exec_driver_sql(statement)
    else:
        conn.exec_driver_sql(";\n".join(statements))


_compiled: dict[str, tuple[str, ...]] = {}


def _statements(name: str, dialect: Dialect) -> tuple[str, ...]:
    if name not in _compiled:
        found = []
        for table in metadata.sorted_tables:
            found.append(str(CreateTable(table).compile(dialect=dialect)).strip())
            indexes = sorted(table.indexes, key=lambda index: str(index.name))
            found.extend(str(CreateIndex(index).compile(dialect=dialect)).strip() for index in indexes)
        _compiled[name] = tuple(found)
    return _compiled[name]


def _refuse_newer(found: str, database: Database) -> None:
    if found not in REVISIONS:
        raise StoreError(
            f"{database.where} was written by a newer Regulars: it has version {found}, and this program knows"
            f" versions up to {HEAD}. Install the newer Regulars again, or put back the backup that was made before"
            " the upgrade (the *.backup files beside the store)."
        )


def _migrate(database: Database, found: str, environ: Mapping[str, str]) -> None:
    """Back up, then run all steps in one transaction, so that a failure leaves the old version."""
    from sync.lease import WHOLE_STORE, lease  # noqa: PLC0415 - only a migration needs it

    with lease(database, WHOLE_STORE):
        backup = None
        if database.path is not None:
            backup = back_up(database, found)
        elif not database.is_sqlite:
            _ask_for_backup(database, found, environ)
        with _alone(database) as conn:
            if _version(conn) == found:
                run_migrations(conn)
    database.upgrade = Upgrade(found, HEAD, backup)


def run_migrations(conn: Connection, target: str = HEAD) -> None:
    """Run Alembic's steps up to *target* on an open transaction."""
    from alembic import command  # noqa: PLC0415 - a quarter of a second, for once in a release
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "sync.store:migrations")
    config.attributes["connection"] = conn
    command.upgrade(config, target)


def back_up(database: Database, version: str) -> Path:
    """Copy a SQLite store before its upgrade; returns the copy, named by version and moment beside it."""
    assert database.path is not None
    moment = datetime.fromtimestamp(database.now() / 1000, UTC).strftime("%Y-%m-%dT%H%M%SZ")
    target = database.path.with_name(f"{database.path.name}.version-{version}.{moment}.backup")
    try:
        copy_to(database, target)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"The store must be upgraded, and its backup {target} could not be written ({error}). Nothing was changed."
            " Make room there, then run the same command again."
        ) from error
    return target


def copy_to(database: Database, target: Path) -> None:
    """Copy a SQLite store while it may be in use. Raises OSError or sqlite3.Error.

    Written under another name first and synced, so that a file of that name is always complete.
    """
    assert database.path is not None
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        with closing(sqlite3.connect(database.path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        os.fsync(descriptor)
        part.replace(target)
    except (OSError, sqlite3.Error):
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _ask_for_backup(database: Database, found: str, environ: Mapping[str, str]) -> None:
    """PostgreSQL's backups belong to whoever runs the server: we cannot make one that they can restore, so we wait
    until they say that there is one. The answer names the version, so that it does not stand for the next upgrade."""
    if environ.get(BACKUP_VARIABLE) != HEAD:
        raise StoreError(
            f"{database.where} has version {found} and must be brought to {HEAD}. Back it up first (for example"
            f" `pg_dump --format=custom --file=regulars.dump DATABASE`), then run the same command with"
            f" {BACKUP_VARIABLE}={HEAD} in the environment. Nothing was changed."
        )


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """A transaction that no other process can be in."""
    with database.engine.begin() as conn:
        if not database.is_sqlite:
            conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            schema = conn.exec_driver_sql("SELECT current_schema()").scalar()
            if schema is None:
                _make_schema(conn)
        yield conn


def _make_schema(conn: Connection) -> None:
    """The schema that ?schema= names, when it is not there yet."""
    wanted = str(conn.exec_driver_sql("SHOW search_path").scalar_one())
    name = wanted.split(",", maxsplit=1)[0].strip().strip('"')
    conn.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{name}"')
